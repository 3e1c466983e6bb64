// Storage of the program's own behind an engine: what it gets, what its answers become, how it begins and
// ends.
#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "embedded.hpp"

namespace ringmx::embed {
namespace {

using namespace test;

// What the backends of one engine share with the test.
struct Kept {
    std::mutex mutex;
    std::vector<std::string> contents;
    std::vector<std::string> recipients;
    std::set<std::thread::id> threads;
    std::atomic<int> opened{0};
    std::atomic<int> closed{0};
    std::atomic<int> destroyed{0};
};

class Keeper final : public plugin::Backend {
 public:
    Keeper(plugin::Host host, Kept& kept) : host_(host), kept_(kept), seen_(host.counter("seen")) {
        ++kept_.opened;
        const std::lock_guard lock(kept_.mutex);
        kept_.threads.insert(std::this_thread::get_id());
    }
    ~Keeper() override { ++kept_.destroyed; }
    plugin::Durability durability() const override { return RINGMX_DURABLE_PROCESS; }
    void submit(std::span<const plugin::Message> messages) override {
        for (const plugin::Message& message : messages) {
            host_.count(seen_);
            const std::string to(message.recipient(0).forward_path);
            if (to.starts_with("retry")) {
                host_.retry(message.token(), "Come again");
                continue;
            }
            if (to.starts_with("reject")) {
                host_.reject(message.token(), "Never");
                continue;
            }
            const std::lock_guard lock(kept_.mutex);
            kept_.contents.push_back(message.content());
            kept_.recipients.push_back(to);
            host_.stored(message.token());
        }
    }
    void close() override { ++kept_.closed; }

 private:
    plugin::Host host_;
    Kept& kept_;
    ringmx_counter* seen_;
};

Options keeping(Kept& kept) {
    Options options = small_options();
    options.storage.clear();
    options.backend_name = "keeper";
    options.backend = [&kept](plugin::Host host, const plugin::Options& given) {
        given.check_all_used();  // there are none
        return std::make_unique<Keeper>(host, kept);
    };
    return options;
}

int send_to(MailClient& client, const std::string& to) {
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.org>"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<" + to + ">"), 250);
    EXPECT_EQ(client.ask("DATA"), 354);
    client.send(std::string(kText) + ".\r\n");
    return client.reply();
}

TEST(BackendObject, GetsMessagesAndAnswersForThem) {
    Kept kept;
    auto engine = start(keeping(kept));
    MailClient client = greeted(*engine);
    EXPECT_EQ(send_to(client, "b@example.com"), 250);
    EXPECT_EQ(send_to(client, "retry@example.com"), 451);
    EXPECT_EQ(send_to(client, "reject@example.com"), 554);
    EXPECT_EQ(send_to(client, "c@example.com"), 250);
    EXPECT_EQ(engine->stop(), 0);
    EXPECT_EQ(kept.recipients, (std::vector<std::string>{"b@example.com", "c@example.com"}));
    ASSERT_EQ(kept.contents.size(), 2u);
    EXPECT_TRUE(kept.contents[0].ends_with(kText));
    const auto counters = engine->counters();
    EXPECT_EQ(counters.at("keeper.seen"), 4u);
    EXPECT_EQ(counters.at("plugin_stored"), 2u);
    EXPECT_NE(engine->counters_json().find("\"keeper.seen\":4"), std::string::npos);
    EXPECT_EQ(counters.at("messages_stored"), 2u);
    EXPECT_EQ(counters.at("messages_failed"), 2u);
    EXPECT_EQ(kept.closed, 1);
    EXPECT_EQ(kept.destroyed, 1);
}

// Keeps what it gets to itself.
class Silent final : public plugin::Backend {
 public:
    explicit Silent(Kept& kept) : kept_(kept) {}
    ~Silent() override { ++kept_.destroyed; }
    plugin::Durability durability() const override { return RINGMX_DURABLE_NONE; }
    void submit(std::span<const plugin::Message> messages) override {
        const std::lock_guard lock(kept_.mutex);
        for (const plugin::Message& message : messages)
            kept_.contents.push_back(message.content());
    }

 private:
    Kept& kept_;
};

TEST(BackendObject, ThatNeverAnswersIsNotWaitedForPastTheDeadline) {
    Kept kept;
    Options options = keeping(kept);
    options.backend = [&](plugin::Host, const plugin::Options&) { return std::make_unique<Silent>(kept); };
    const auto engine = start(std::move(options));
    MailClient client = greeted(*engine);
    ASSERT_TRUE(client.begin_message());
    client.send(std::string(kText) + ".\r\n");
    ASSERT_TRUE(comes_to([&] {
        const std::lock_guard lock(kept.mutex);
        return !kept.contents.empty();
    }));
    EXPECT_GE(engine->stop(std::chrono::milliseconds(0)), 1);
    EXPECT_EQ(client.reply(), 0);  // no 250, and no other answer
    EXPECT_EQ(kept.destroyed, 1);
    EXPECT_EQ(engine->counters().at("messages_stored"), 0u);
}

TEST(BackendObject, IsMadeOnceForEachWorkerOnItsThread) {
    Kept kept;
    Options options = keeping(kept);
    options.cores = 2;
    options.storage_workers = 3;
    auto engine = start(std::move(options));
    EXPECT_EQ(kept.opened, 3);
    EXPECT_EQ(kept.threads.size(), 3u);
    EXPECT_EQ(kept.threads.count(std::this_thread::get_id()), 0u);
    engine.reset();
    EXPECT_EQ(kept.closed, 3);
    EXPECT_EQ(kept.destroyed, 3);
}

TEST(BackendObject, GetsTheOptionsOfTheConfiguration) {
    for (const char* unasked : {"", "colour = \"blue\"\n"}) {
        Kept kept;
        std::string tape;
        Options options = keeping(kept);
        options.config_text = std::string("[storage.plugin.options]\ntape = \"A7\"\n") + unasked;
        options.backend = [&](plugin::Host host, const plugin::Options& given) {
            tape = given.require("tape");
            return std::make_unique<Keeper>(host, kept);
        };
        Error error;
        const auto engine = Engine::start(std::move(options), error);
        EXPECT_EQ(tape, "A7");
        EXPECT_EQ(engine != nullptr, *unasked == '\0') << error.text;
        if (engine != nullptr) continue;
        EXPECT_NE(error.text.find("colour"), std::string::npos) << error.text;
        EXPECT_EQ(kept.destroyed, 1);
    }
}

TEST(BackendObject, StopsTheStartWithWhatItsConstructorThrew) {
    Options options = small_options();
    options.storage.clear();
    options.backend = [](plugin::Host, const plugin::Options&) -> std::unique_ptr<plugin::Backend> {
        throw std::runtime_error("the tape is not mounted");
    };
    const Error error = failure(std::move(options));
    EXPECT_EQ(error.failure, Failure::storage);
    EXPECT_NE(error.text.find("the tape is not mounted"), std::string::npos) << error.text;
}

TEST(BackendObject, StopsTheStartWhenThereIsNone) {
    Options options = small_options();
    options.storage.clear();
    options.backend = [](plugin::Host, const plugin::Options&) -> std::unique_ptr<plugin::Backend> {
        return nullptr;
    };
    EXPECT_EQ(failure(std::move(options)).failure, Failure::storage);
}

TEST(BackendObject, IsClosedWhenTheStartFailsAfterIt) {
    Kept kept;
    Options options = keeping(kept);
    options.recipients_file = "/nonexistent/recipients";
    EXPECT_EQ(failure(std::move(options)).failure, Failure::options);
    EXPECT_EQ(kept.destroyed, kept.opened);
}

TEST(BackendObject, MustGiveTheDurabilityThatIsDemanded) {
    Kept kept;
    Options options = keeping(kept);
    options.durability = RINGMX_DURABLE_MACHINE;
    const Error error = failure(std::move(options));
    EXPECT_EQ(error.failure, Failure::options);
    EXPECT_NE(error.text.find("\"process\""), std::string::npos) << error.text;
    EXPECT_EQ(kept.destroyed, kept.opened);

    options = keeping(kept);
    options.durability = RINGMX_DURABLE_PROCESS;
    EXPECT_NE(start(std::move(options)), nullptr);
}

TEST(BackendObject, HasANameForCounters) {
    Kept kept;
    Options options = keeping(kept);
    options.backend_name = "no name";
    const Error error = failure(std::move(options));
    EXPECT_EQ(error.failure, Failure::storage);
    EXPECT_NE(error.text.find("name"), std::string::npos) << error.text;
}

TEST(BackendObject, ExcludesConfiguredStorage) {
    Kept kept;
    Options options = keeping(kept);
    options.storage = "discard";
    EXPECT_EQ(failure(std::move(options)).failure, Failure::options);
    EXPECT_EQ(kept.opened, 0);
}

}  // namespace
}  // namespace ringmx::embed
