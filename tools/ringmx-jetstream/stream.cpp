// The commands create and info.
#include <chrono>
#include <cstdio>
#include <thread>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "records/values.hpp"

namespace ringmx::jetstream {
namespace {

std::string last_error(natsStatus status) {
    const char* text = nats_GetLastError(nullptr);
    return text != nullptr && *text != '\0' ? text : natsStatus_GetText(status);
}

natsStatus try_to_create(const Client& client, jsStreamConfig& config) {
    jsOptions wait;
    jsOptions_Init(&wait);
    wait.Wait = request_wait_ms;
    jsCtx* context = nullptr;
    natsStatus status = natsConnection_JetStream(&context, client.raw(), &wait);
    if (status == NATS_OK) status = js_AddStream(nullptr, context, &config, nullptr, nullptr);
    jsCtx_Destroy(context);
    return status;
}

}  // namespace

int create_stream(const Access& access, const CreateOptions& options) {
    Client client(access, {});
    std::vector<const char*> subjects;
    for (const std::string& subject : options.subjects)
        subjects.push_back(subject.c_str());
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = options.stream.c_str();
    config.Subjects = subjects.data();
    config.SubjectsLen = static_cast<int>(subjects.size());
    config.Replicas = options.replicas;
    config.Storage = options.storage == "memory" ? js_MemoryStorage : js_FileStorage;
    config.Retention = options.retention == "workqueue" ? js_WorkQueuePolicy : js_LimitsPolicy;
    config.Discard = js_DiscardNew;  // a full stream refuses mail: it is kept by the sender
    config.MaxBytes = options.octets_max;
    config.Duplicates = options.duplicates_s * ns_per_s;

    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_s);
    for (;;) {
        std::string why = client.last_error();
        if (client.connected()) {
            const natsStatus status = try_to_create(client, config);
            if (status == NATS_OK) return 0;
            why = last_error(status);
        }
        if (std::chrono::steady_clock::now() >= end) {
            std::fprintf(stderr, "ringmx-jetstream: %s\n", why.c_str());
            return 1;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

int show_stream(const Access& access, const std::string& stream, bool sync_always) {
    Client client(access, {});
    if (!client.wait_connected(access.timeout_ms)) {
        std::fprintf(stderr, "ringmx-jetstream: %s\n", client.last_error().c_str());
        return 1;
    }
    const StreamFacts facts = client.stream(stream, sync_always, request_wait_ms);
    if (!facts.found) {
        std::fprintf(stderr, "ringmx-jetstream: %s\n", facts.error.c_str());
        return 1;
    }
    const nlohmann::json json = {
        {"stream", stream},
        {"storage", facts.memory ? "memory" : "file"},
        {"replicas", facts.replicas},
        {"durability", records::durability_name(facts.durability)},
        {"records", facts.messages},
        {"octets", facts.octets},
        {"duplicates_s", facts.duplicate_window_ns / ns_per_s},
        {"deletes_oldest", facts.drops_old},
        {"problem", facts.error},
    };
    std::printf("%s\n", json.dump(1).c_str());
    return 0;
}

}  // namespace ringmx::jetstream
