#include "client.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace ringmx::jetstream {
namespace {

constexpr std::int64_t reconnect_wait_ms = 200;  // after every server was tried
constexpr std::int64_t reconnect_jitter_ms = 100;
constexpr int pings_unanswered_max = 2;
constexpr std::int64_t ping_interval_ms = 10'000;  // a dead peer is noticed within three of them
constexpr auto callbacks_end_max = std::chrono::seconds(10);

void check(natsStatus status, const char* what) {
    if (status == NATS_OK) return;
    const char* detail = nats_GetLastError(nullptr);
    std::string text = std::string(what) + ": " + natsStatus_GetText(status);
    if (detail != nullptr && *detail != '\0') text += std::string(": ") + detail;
    throw std::runtime_error(text);
}

plugin::Durability durability_of(const jsStreamConfig& config, bool sync_always) {
    if (config.Storage == js_MemoryStorage) return RINGMX_DURABLE_PROCESS;
    if (config.Replicas > 1) return RINGMX_DURABLE_REPLICATED;
    return sync_always ? RINGMX_DURABLE_MACHINE : RINGMX_DURABLE_PROCESS;
}

const char* unfit(const jsStreamConfig& config) {
    if (config.NoAck) return "the stream does not acknowledge (no_ack)";
    if (config.Sealed) return "the stream is sealed";
    if (config.Mirror != nullptr) return "the stream is a mirror";
    return nullptr;
}

}  // namespace

// What the library's threads see. Lives until they have said that they are done with it.
struct Client::Callbacks {
    Events events;
    std::mutex mutex;
    std::condition_variable changed;
    bool closed = false;
    bool subscribed = false;

    static Callbacks& of(void* closure) { return *static_cast<Callbacks*>(closure); }
    static void on_connected(natsConnection*, void* closure) {
        if (of(closure).events.connected) of(closure).events.connected();
    }
    static void on_disconnected(natsConnection*, void* closure) {
        if (of(closure).events.disconnected) of(closure).events.disconnected();
    }
    static void on_closed(natsConnection*, void* closure) {
        Callbacks& self = of(closure);
        const std::lock_guard lock(self.mutex);
        self.closed = true;
        self.changed.notify_all();
    }
    static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
        of(closure).events.message(message);
    }
    static void on_unsubscribed(void* closure) {
        Callbacks& self = of(closure);
        const std::lock_guard lock(self.mutex);
        self.subscribed = false;
        self.changed.notify_all();
    }
    // The library prints what it cannot report otherwise to standard error unless it has a handler.
    static void on_error(natsConnection*, natsSubscription*, natsStatus, void*) {}
};

Client::Client(const Access& access, Events events) : callbacks_(std::make_unique<Callbacks>()) {
    callbacks_->events = std::move(events);
    try {
        configure(access);
        natsStatus status = natsConnection_Connect(&connection_, options_);
        if (status != NATS_NOT_YET_CONNECTED) check(status, "cannot connect to NATS");
        char* inbox = nullptr;
        check(natsInbox_Create(&inbox), "NATS inbox");
        inbox_ = std::string(inbox) + ".";
        natsInbox_Destroy(inbox);
    } catch (...) {
        natsConnection_Destroy(connection_);
        natsOptions_Destroy(options_);
        // Callbacks of a connection that did not come to be may still be on their way.
        if (connection_ != nullptr) static_cast<void>(callbacks_.release());
        throw;
    }
}

void Client::configure(const Access& access) {
    std::vector<const char*> servers;
    for (const std::string& server : access.servers)
        servers.push_back(server.c_str());
    check(natsOptions_Create(&options_), "NATS options");
    check(natsOptions_SetServers(options_, servers.data(), static_cast<int>(servers.size())), "servers");
    check(natsOptions_SetName(options_, access.name.c_str()), "name");
    check(natsOptions_SetTimeout(options_, access.timeout_ms), "timeout");
    check(natsOptions_SetWriteDeadline(options_, access.timeout_ms), "timeout");
    check(natsOptions_SetIOBufSize(options_, access.write_buffer_octets), "buffer");
    check(natsOptions_SetMaxReconnect(options_, -1), "reconnect");
    check(natsOptions_SetReconnectWait(options_, reconnect_wait_ms), "reconnect");
    check(natsOptions_SetReconnectJitter(options_, reconnect_jitter_ms, reconnect_jitter_ms), "reconnect");
    check(natsOptions_SetPingInterval(options_, ping_interval_ms), "ping");
    check(natsOptions_SetMaxPingsOut(options_, pings_unanswered_max), "ping");
    check(natsOptions_SetRetryOnFailedConnect(options_, true, Callbacks::on_connected, callbacks_.get()),
          "reconnect");
    check(natsOptions_SetReconnectedCB(options_, Callbacks::on_connected, callbacks_.get()), "callback");
    check(natsOptions_SetDisconnectedCB(options_, Callbacks::on_disconnected, callbacks_.get()), "callback");
    check(natsOptions_SetClosedCB(options_, Callbacks::on_closed, callbacks_.get()), "callback");
    check(natsOptions_SetErrorHandler(options_, Callbacks::on_error, callbacks_.get()), "callback");
    if (!access.credentials.empty()) {
        check(natsOptions_SetUserCredentialsFromFiles(options_, access.credentials.c_str(), nullptr),
              "credentials");
    }
    if (!access.user.empty())
        check(natsOptions_SetUserInfo(options_, access.user.c_str(), access.password.c_str()), "user");
    if (!access.token.empty()) check(natsOptions_SetToken(options_, access.token.c_str()), "token");
    if (!access.tls_ca.empty()) {
        check(natsOptions_SetSecure(options_, true), "tls_ca");
        check(natsOptions_LoadCATrustedCertificates(options_, access.tls_ca.c_str()), "tls_ca");
    }
    if (!access.tls_cert.empty()) {
        check(natsOptions_SetSecure(options_, true), "tls_cert");
        check(natsOptions_LoadCertificatesChain(options_, access.tls_cert.c_str(), access.tls_key.c_str()),
              "tls_cert");
    }
}

Client::~Client() {
    natsSubscription_Unsubscribe(subscription_);
    natsConnection_Close(connection_);
    {
        std::unique_lock lock(callbacks_->mutex);
        const bool ended = callbacks_->changed.wait_for(
            lock, callbacks_end_max, [this] { return callbacks_->closed && !callbacks_->subscribed; });
        lock.unlock();
        if (!ended) static_cast<void>(callbacks_.release());  // rather lost than used after its end
    }
    natsSubscription_Destroy(subscription_);
    natsConnection_Destroy(connection_);
    natsOptions_Destroy(options_);
}

bool Client::connected() const {
    return natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED;
}

bool Client::closed() const {
    return natsConnection_IsClosed(connection_);
}

bool Client::wait_connected(std::int64_t timeout_ms) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!connected()) {
        if (closed() || std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

std::string Client::last_error() const {
    const char* text = nullptr;
    const natsStatus status = natsConnection_GetLastError(connection_, &text);
    if (text != nullptr && *text != '\0') return text;
    return status == NATS_OK ? "not connected" : natsStatus_GetText(status);
}

std::uint64_t Client::payload_octets_max() const {
    const std::int64_t octets = natsConnection_GetMaxPayload(connection_);
    return octets < 0 ? 0 : static_cast<std::uint64_t>(octets);
}

void Client::subscribe() {
    const std::string subject = inbox_ + "*";
    natsStatus status = natsConnection_Subscribe(&subscription_, connection_, subject.c_str(),
                                                 Callbacks::on_message, callbacks_.get());
    // No acknowledgement may be dropped: there are never more than records in flight.
    if (status == NATS_OK) status = natsSubscription_SetPendingLimits(subscription_, -1, -1);
    if (status == NATS_OK) {
        {
            const std::lock_guard lock(callbacks_->mutex);
            callbacks_->subscribed = true;
        }
        status =
            natsSubscription_SetOnCompleteCB(subscription_, Callbacks::on_unsubscribed, callbacks_.get());
        if (status != NATS_OK) {
            const std::lock_guard lock(callbacks_->mutex);
            callbacks_->subscribed = false;
        }
    }
    if (!closed()) check(status, "cannot subscribe to acknowledgements");
}

StreamFacts Client::stream(const std::string& name, bool sync_always, std::int64_t timeout_ms) const {
    StreamFacts facts;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = timeout_ms;
    jsCtx* context = nullptr;
    jsStreamInfo* info = nullptr;
    jsErrCode code{};
    natsStatus status = natsConnection_JetStream(&context, connection_, &options);
    if (status == NATS_OK) status = js_GetStreamInfo(&info, context, name.c_str(), nullptr, &code);
    if (status == NATS_OK) {
        facts.found = true;
        const jsStreamConfig& config = *info->Config;
        facts.durability = durability_of(config, sync_always);
        facts.replicas = config.Replicas;
        facts.messages = info->State.Msgs;
        facts.octets = info->State.Bytes;
        facts.message_octets_max = config.MaxMsgSize > 0 ? config.MaxMsgSize : -1;
        facts.duplicate_window_ns = config.Duplicates;
        facts.memory = config.Storage == js_MemoryStorage;
        const bool limited = config.MaxMsgs > 0 || config.MaxBytes > 0 || config.MaxMsgsPerSubject > 0;
        facts.drops_old = config.MaxAge > 0 || (limited && config.Discard == js_DiscardOld);
        if (const char* why = unfit(config)) facts.error = why;
    } else if (code == JSStreamNotFoundErr || status == NATS_NOT_FOUND) {
        facts.error = "there is no stream " + name;
    } else {
        const char* detail = nats_GetLastError(nullptr);
        facts.error = detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(status);
    }
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(context);
    return facts;
}

}  // namespace ringmx::jetstream
