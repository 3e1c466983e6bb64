// An engine inside this process: where it listens, what it says when it cannot start, several at once, its
// log, its counters, its end.
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include <signal.h>

#include "embedded.hpp"

namespace ringmx::embed {
namespace {

using namespace test;

TEST(EmbeddedEngine, ListensOnAFreePortWithAllItsCores) {
    Options options = small_options();
    options.cores = 2;
    options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
    const auto engine = start(std::move(options));
    ASSERT_EQ(engine->listening().size(), 2u);
    EXPECT_EQ(engine->listening()[0], "127.0.0.1:" + std::to_string(engine->port(0)));
    EXPECT_NE(engine->port(0), 0);
    EXPECT_NE(engine->port(1), 0);
    EXPECT_NE(engine->port(0), engine->port(1));
    EXPECT_EQ(engine->port(2), 0);
    // So many that each core gets some: a core that does not listen there would leave them without a banner.
    for (int i = 0; i < 40; ++i) {
        MailClient client(engine->port(static_cast<std::size_t>(i % 2)));
        EXPECT_EQ(client.reply(), 220);
    }
}

TEST(EmbeddedEngine, SeveralRunInOneProcess) {
    const auto first = start(small_options());
    auto second = start(small_options());
    MailClient one = greeted(*first);
    MailClient two = greeted(*second);
    EXPECT_EQ(deliver(one), 250);
    EXPECT_EQ(deliver(two), 250);
    EXPECT_EQ(deliver(two), 250);
    second.reset();
    EXPECT_EQ(deliver(one), 250);
    first->stop();
    EXPECT_EQ(first->counters().at("messages_stored"), 2u);
}

TEST(EmbeddedEngine, ReportsEveryBadOption) {
    Options options = small_options();
    options.hostname = "not a name";
    options.listen = {"127.0.0.1"};
    options.domains = {"example.com", "-"};
    options.storage = "tape";
    const Error error = failure(std::move(options));
    EXPECT_EQ(error.failure, Failure::options);
    for (const char* key : {"server.hostname", "server.listen", "accept.domains", "storage.backend"})
        EXPECT_NE(error.text.find(key), std::string::npos) << key << " in: " << error.text;
}

TEST(EmbeddedEngine, ReportsAnErrorOfTheConfigurationWithItsLine) {
    Options options = small_options();
    options.config_text = "[smtp]\nmessage_siz = \"1MiB\"\n";
    const Error error = failure(std::move(options));
    EXPECT_EQ(error.failure, Failure::options);
    EXPECT_NE(error.text.find("config_text:2"), std::string::npos) << error.text;
}

TEST(EmbeddedEngine, OptionsStandOverTheConfiguration) {
    Options options = small_options();
    options.domains = {};
    options.config_text =
        "[server]\nhostname = \"other.example.com\"\nmemory = \"1GiB\"\n[accept]\ndomains = "
        "[\"example.org\"]\n";
    std::mutex mutex;
    std::string log;
    options.log = [&](std::string_view line) {
        const std::lock_guard lock(mutex);
        log.append(line).append("\n");
    };
    const auto engine = start(std::move(options));
    MailClient client = greeted(*engine);
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.net>"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<b@example.org>"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<b@example.com>"), 550);
    engine->stop();
    EXPECT_NE(log.find("\"hostname\":\"mx.example.com\""), std::string::npos) << log;
}

TEST(EmbeddedEngine, SaysThatAnAddressIsInUse) {
    const auto engine = start(small_options());
    Options options = small_options();
    options.listen = engine->listening();
    const Error error = failure(std::move(options));
    EXPECT_EQ(error.failure, Failure::address_in_use);
    EXPECT_NE(error.text.find(engine->listening().front()), std::string::npos) << error.text;
}

TEST(EmbeddedEngine, GivesItsLogToTheProgram) {
    Options options = small_options();
    std::mutex mutex;
    std::vector<std::string> lines;
    options.log = [&](std::string_view line) {
        const std::lock_guard lock(mutex);
        lines.emplace_back(line);
    };
    auto engine = start(std::move(options));
    MailClient client = greeted(*engine);
    EXPECT_EQ(deliver(client), 250);
    engine->stop();
    engine.reset();
    ASSERT_GE(lines.size(), 3u);  // start, message, stop
    for (const std::string& line : lines) {
        EXPECT_EQ(line.front(), '{');
        EXPECT_EQ(line.back(), '}');
        EXPECT_EQ(line.find('\n'), std::string::npos);
    }
    EXPECT_NE(lines.back().find("\"event\":\"stop\""), std::string::npos) << lines.back();
}

TEST(EmbeddedEngine, CountsAndStillDoesAfterItsEnd) {
    const auto engine = start(small_options());
    MailClient client = greeted(*engine);
    EXPECT_EQ(deliver(client), 250);
    EXPECT_EQ(engine->counters().at("messages_stored"), 1u);
    EXPECT_EQ(engine->stop(), 0);
    EXPECT_EQ(engine->counters().at("messages_stored"), 1u);
    EXPECT_EQ(engine->counters().at("connections_closed"), 1u);
    EXPECT_NE(engine->counters_json().find("\"messages_stored\":1"), std::string::npos);
}

TEST(EmbeddedEngine, DrainsWhenItIsStopped) {
    const auto engine = start(small_options());
    MailClient idle = greeted(*engine);
    MailClient sending = greeted(*engine);
    ASSERT_TRUE(sending.begin_message());
    engine->request_stop();
    EXPECT_EQ(idle.reply(), 421);
    EXPECT_TRUE(idle.ends());
    sending.send(std::string(kText) + ".\r\n");
    EXPECT_EQ(sending.reply(), 250);
    EXPECT_EQ(engine->wait(), 0);
    EXPECT_EQ(engine->stop(), 0);  // any number of times
}

TEST(EmbeddedEngine, CutsOffAtTheDeadlineItWasGiven) {
    Options options = small_options();
    options.config_text = "[server]\nshutdown_grace = \"1h\"\n";
    const auto engine = start(std::move(options));
    MailClient sending = greeted(*engine);
    ASSERT_TRUE(sending.begin_message());
    MailClient idle = greeted(*engine);
    engine->request_stop();
    EXPECT_EQ(idle.reply(), 421);
    EXPECT_TRUE(idle.ends());  // the drain goes on, and now gets a nearer deadline
    EXPECT_GE(engine->stop(std::chrono::milliseconds(0)), 1);
    EXPECT_TRUE(sending.ends());
}

TEST(EmbeddedEngine, CanBeWaitedForByManyThreads) {
    const auto engine = start(small_options());
    std::atomic<int> returned{0};
    std::vector<std::thread> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.emplace_back([&] {
            EXPECT_EQ(engine->wait(), 0);
            ++returned;
        });
    }
    EXPECT_EQ(returned, 0);
    engine->request_stop();
    for (std::thread& thread : waiting)
        thread.join();
    EXPECT_EQ(returned, 4);
}

TEST(EmbeddedEngine, LeavesTheProgramsSignalsAlone) {
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    sigset_t on_core;
    Options options = small_options();
    options.callbacks.on_connect = [&](const Ticket&, const embed::Client&) {
        pthread_sigmask(SIG_SETMASK, nullptr, &on_core);
        return Decision::accept();
    };
    const auto engine = start(std::move(options));
    greeted(*engine);
    engine->stop();
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
        EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
        EXPECT_EQ(sigismember(&on_core, signal), 1);
    }
    EXPECT_EQ(sigismember(&on_core, SIGSEGV), 0);
}

TEST(EmbeddedEngine, KnowsItsVersion) {
    EXPECT_NE(std::string(version()).find('.'), std::string::npos);
}

}  // namespace
}  // namespace ringmx::embed
