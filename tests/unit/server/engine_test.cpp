// The whole engine in one process, driven through its sockets: clients that misbehave, many at once, more
// input than there are receive buffers, admission, and the drain. No test asserts how long anything takes.
#include "server/engine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "client.hpp"

namespace ringmx::server {
namespace {

using test::Client;

const std::string kBody = "Subject: hello\r\n\r\nText\r\n.\r\n";

std::string lines(std::size_t octets) {
    const std::string line = "The quick brown fox jumps over the lazy dog, again and again and again.\r\n";
    std::string text;
    while (text.size() < octets)
        text += line;
    return text;
}

class EngineTest : public ::testing::TestWithParam<unsigned> {
 protected:
    EngineTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "engine-test-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        config_.server.hostname = "mx.example.com";
        config_.server.listen = {test::kFreePort};
        config_.server.cores = 1;
        config_.server.pin = false;
        config_.server.memory_bytes = std::uint64_t{128} << 20;
        config_.server.connections_max = 1000;
        config_.server.shutdown_grace_s = 15;
        config_.accept.domains = {"example.com"};
        config_.storage.backend = config::StorageBackend::discard;
        config_.log.path = folder_ + "/log";
    }
    ~EngineTest() override {
        engine_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    void use_spool() {
        config_.storage.backend = config::StorageBackend::spool;
        config_.storage.spool.path = folder_ + "/spool";
        config_.storage.spool.segment_bytes = std::uint64_t{4} << 20;
        config_.storage.spool.min_free_bytes = 1 << 20;
        config_.storage.spool.direct_io_required = false;
    }
    void start() {
        auto started = Engine::start(config_);
        ASSERT_TRUE(started.ok()) << started.error().message;
        engine_ = std::move(*started);
        port_ = test::port_of(engine_->listening().front());
    }
    Client client() { return Client(port_); }
    Client greeted() {
        Client one(port_);
        EXPECT_EQ(one.reply(), 220);
        EXPECT_EQ(one.ask("EHLO client.example.org"), 250);
        return one;
    }
    std::uint64_t count(const char* name) const {
        const std::string status = engine_->status_json();  // the sum of all cores comes first
        const std::string key = '"' + std::string(name) + "\":";
        const std::size_t at = status.find(key);
        if (at == std::string::npos) throw std::runtime_error("no such counter: " + key);
        return std::stoull(status.substr(at + key.size()));
    }
    // Counters are refreshed a few times a second; false: it has not come to that.
    bool comes_to(const std::function<bool()>& condition) const {
        using std::chrono::steady_clock;
        const auto end = steady_clock::now() + std::chrono::seconds(test::kPatienceSeconds);
        while (!condition()) {
            if (steady_clock::now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return true;
    }
    // Every connection comes to its end by itself, and then nothing is left: no message, no memory.
    void expect_clean_end() {
        EXPECT_TRUE(
            comes_to([this] { return count("connections_accepted") == count("connections_closed"); }));
        engine_->request_stop();
        engine_->wait();
        EXPECT_EQ(engine_->cut_off(), 0);
        for (const char* gauge :
             {"connections_open", "messages_in_flight", "slab_bytes_in_use", "storage_depth"})
            EXPECT_EQ(count(gauge), 0u) << gauge;
    }
    void expect_service() {
        Client one = greeted();
        EXPECT_TRUE(one.begin_message());
        one.send(kBody);
        EXPECT_EQ(one.reply(), 250);
        EXPECT_EQ(one.ask("QUIT"), 221);
        EXPECT_TRUE(one.ends());
    }

    config::Config config_;
    std::string folder_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Engine> engine_;
};

enum class State { banner, hello, mail, recipient, data, body, sent, count };

// Brings a client to a state; in the last its message is on its way and no reply was read.
void bring_to(Client& client, State state) {
    if (state > State::banner) {
        EXPECT_EQ(client.ask("EHLO client.example.org"), 250);
    }
    if (state > State::hello) {
        EXPECT_EQ(client.ask("MAIL FROM:<a@example.org>"), 250);
    }
    if (state > State::mail) {
        EXPECT_EQ(client.ask("RCPT TO:<b@example.com>"), 250);
    }
    if (state > State::recipient) {
        EXPECT_EQ(client.ask("DATA"), 354);
    }
    if (state == State::body) {
        EXPECT_TRUE(client.send(lines(200'000)));
    }
    if (state == State::sent) {
        EXPECT_TRUE(client.send(kBody));
    }
}

INSTANTIATE_TEST_SUITE_P(Cores, EngineTest, ::testing::Values(1u, 2u));

TEST_P(EngineTest, AHalfClosedClientGetsWhatItIsOwedAndThenTheEnd) {
    config_.server.cores = GetParam();
    use_spool();
    start();
    for (int state = 0; state < static_cast<int>(State::count); ++state) {
        Client one = client();
        ASSERT_EQ(one.reply(), 220);
        bring_to(one, static_cast<State>(state));
        one.shut();
        if (static_cast<State>(state) == State::sent) {
            EXPECT_EQ(one.reply(), 250);
        }
        EXPECT_TRUE(one.ends()) << state;
    }
    EXPECT_EQ(count("messages_stored"), 1u);
    expect_service();
    expect_clean_end();
}

TEST_P(EngineTest, ResetsInAnyStateLeaveNothingBehind) {
    config_.server.cores = GetParam();
    use_spool();
    start();
    for (int round = 0; round < 5; ++round) {
        for (int state = 0; state < static_cast<int>(State::count); ++state) {
            Client one = client();
            ASSERT_EQ(one.reply(), 220);
            bring_to(one, static_cast<State>(state));
            one.reset();
        }
        Client(port_).reset();  // before the banner
    }
    expect_service();
    expect_clean_end();
}

// Slots are reused at once, by clients of which half leave without a word and with input under way. Each
// client asks in a pattern of its own, and the replies must have that pattern.
TEST_P(EngineTest, NoClientGetsTheRepliesOfAnother) {
    config_.server.cores = GetParam();
    start();
    constexpr unsigned kThreads = 6, kEach = 60, kBits = 12;
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            for (unsigned i = 0; i < kEach; ++i) {
                const unsigned id = thread * kEach + i;
                Client one(port_);
                if (one.reply() != 220) ++wrong;
                std::string commands;
                for (unsigned bit = 0; bit < kBits; ++bit)
                    commands += (id >> bit & 1) != 0 ? "NOOP\r\n" : "VRFY a\r\n";
                one.send(commands);
                if (i % 4 == 1) {
                    one.reset();
                    continue;
                }
                if (i % 4 == 3) continue;
                for (unsigned bit = 0; bit < kBits; ++bit) {
                    if (one.reply() != ((id >> bit & 1) != 0 ? 250 : 252)) ++wrong;
                }
                if (one.ask("QUIT") != 221 || !one.ends()) ++wrong;
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0u);
    expect_clean_end();
}

TEST_F(EngineTest, AClientThatSendsOctetByOctetIsServed) {
    start();
    const std::string all =
        "EHLO c.example.org\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n" + kBody +
        "QUIT\r\n";
    Client one = client();
    for (const char& octet : all)
        ASSERT_TRUE(one.send({&octet, 1}));
    for (const int code : {220, 250, 250, 250, 354, 250, 221})
        EXPECT_EQ(one.reply(), code);
    EXPECT_TRUE(one.ends());
    expect_clean_end();
}

// Together the clients send more at once than all receive buffers hold.
TEST_F(EngineTest, BurstsBeyondAllReceiveBuffersAreAnsweredCommandByCommand) {
    start();
    constexpr unsigned kClients = 12, kCommands = 4000;
    const std::string command = "NOOP " + std::string(120, 'x') + "\r\n";
    static_assert(kClients * kCommands * 120 > limits::receive_buffers * limits::receive_buffer_bytes);
    std::string burst;
    for (unsigned i = 0; i < kCommands; ++i)
        burst += command;
    std::atomic<unsigned> answered{0};
    std::vector<Client> clients;
    for (unsigned i = 0; i < kClients; ++i)
        clients.push_back(greeted());
    std::vector<std::thread> threads;
    for (Client& one : clients) {
        threads.emplace_back([&] { one.send(burst); });
        threads.emplace_back([&] {
            for (unsigned i = 0; i < kCommands && one.reply() == 250; ++i)
                ++answered;
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(answered, kClients * kCommands);
    for (Client& one : clients)
        EXPECT_EQ(one.ask("QUIT"), 221);
    expect_clean_end();
}

TEST_P(EngineTest, LargeMessagesStreamIntoStorageSideBySide) {
    config_.server.cores = GetParam();
    use_spool();
    start();
    const std::string body = lines(std::size_t{3} << 20) + ".\r\n";
    std::vector<std::thread> threads;
    std::atomic<unsigned> stored{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            Client one(port_);
            one.reply();
            one.ask("EHLO client.example.org");
            for (int k = 0; k < 2; ++k) {
                if (one.begin_message() && one.send(body) && one.reply() == 250) ++stored;
            }
            one.ask("QUIT");
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(stored, 8u);
    expect_clean_end();
    EXPECT_GT(count("bytes_stored"), 8 * (body.size() - 3));
}

TEST_F(EngineTest, AnOversizedMessageIsRefusedAndOneFarTooLargeEndsTheConnection) {
    config_.smtp.message_bytes_max = 300'000;
    start();
    Client one = greeted();
    EXPECT_EQ(one.ask("MAIL FROM:<a@example.org> SIZE=300001"), 552);
    ASSERT_TRUE(one.begin_message());
    one.send(lines(400'000) + ".\r\n");
    EXPECT_EQ(one.reply(), 552);
    ASSERT_TRUE(one.begin_message());
    one.send(kBody);
    EXPECT_EQ(one.reply(), 250);
    // It is still sending when the server gives up; the last reply reaches it all the same.
    ASSERT_TRUE(one.begin_message());
    one.send(lines(900'000));
    EXPECT_EQ(one.reply(), 552);
    EXPECT_TRUE(one.ends());
    expect_clean_end();
}

// The session ends in the turn in which its receive is being cancelled for bulk mode. The cancelled receive
// is not the client's end: what still comes is read, because closing would be a reset, which can eat the
// reply.
TEST_F(EngineTest, AReceiveThatIsCancelledForBulkModeIsNotTheClientsEnd) {
    config_.smtp.message_bytes_max = 64 << 10;
    start();
    const std::string flood = lines(300'000);
    int listened = 0;
    for (int i = 0; i < 20; ++i) {
        Client one = greeted();
        ASSERT_TRUE(one.begin_message());
        one.send(flood);
        ASSERT_EQ(one.reply(), 552) << i;
        bool taken = true;
        for (int more = 0; more < 3 && taken; ++more) {
            taken = one.send("more\r\n");
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        listened += taken;
    }
    EXPECT_GT(listened,
              0);  // not each: a machine that sleeps for two seconds ends the patience of the server
    expect_clean_end();
}

TEST_F(EngineTest, ConnectionsBeyondTheMaximumWaitAndAreServedLater) {
    config_.server.connections_max = 4;
    start();
    std::vector<Client> first;
    for (int i = 0; i < 4; ++i)
        first.push_back(greeted());
    std::vector<Client> waiting;
    for (int i = 0; i < 8; ++i)
        waiting.push_back(client());
    EXPECT_EQ(first.front().ask("NOOP"), 250);
    EXPECT_TRUE(comes_to([this] { return count("connections_open") == 4; }));
    EXPECT_EQ(count("connections_accepted"), 4u);
    for (Client& one : first) {
        EXPECT_EQ(one.ask("QUIT"), 221);
        EXPECT_TRUE(one.ends());
    }
    for (Client& one : waiting) {
        EXPECT_EQ(one.reply(), 220);
        EXPECT_EQ(one.ask("QUIT"), 221);
    }
    expect_clean_end();
}

// One listener always has clients waiting; the other's client must not wait for ever.
TEST_F(EngineTest, WithFewFreeSlotsEveryListenerGetsItsTurn) {
    config_.server.listen.push_back(test::kFreePort);
    config_.server.connections_max = 1;
    start();
    Client at_quiet(test::port_of(engine_->listening().back()));
    std::vector<Client> busy;
    for (int i = 0; i < 4; ++i)
        busy.push_back(client());
    std::atomic<bool> quiet_served{false};
    std::thread waits([&] {
        quiet_served = at_quiet.reply() == 220;
        at_quiet.ask("QUIT");
    });
    for (int i = 0; i < 500 && !quiet_served; ++i) {
        EXPECT_EQ(busy.front().reply(), 220);
        busy.push_back(client());
        EXPECT_EQ(busy.front().ask("QUIT"), 221);
        busy.erase(busy.begin());
    }
    EXPECT_TRUE(quiet_served);
    busy.clear();
    waits.join();
}

// A client that asks on and on and reads nothing: the server stops reading it, holds little, and in the end
// cuts it off.
TEST_F(EngineTest, AClientThatNeverReadsIsHeldBackAndCutOff) {
    config_.timeouts.send_s = 1;
    start();
    Client one(port_, 4096);
    EXPECT_EQ(one.reply(), 220);
    std::string burst;
    for (int i = 0; i < 2000; ++i)
        burst += "EHLO client.example.org\r\n";
    std::uint64_t most = 0;
    int bursts = 0;
    while (one.send(burst) && ++bursts < 10'000)
        most = std::max(most, count("slab_bytes_in_use"));
    EXPECT_LT(bursts, 10'000);
    EXPECT_LE(most, std::uint64_t{8} << 20);
    expect_service();
    expect_clean_end();
    EXPECT_EQ(count("timeouts"), 1u);
}

TEST_F(EngineTest, SilentClientsAreToldThatTheyTookTooLong) {
    config_.timeouts.command_s = 1;
    config_.timeouts.data_block_s = 1;
    start();
    Client idle = greeted();
    Client half = greeted();
    ASSERT_TRUE(half.begin_message());
    half.send("Subject: half a mess");
    EXPECT_EQ(idle.reply(), 421);
    EXPECT_TRUE(idle.ends());
    EXPECT_EQ(half.reply(), 421);
    EXPECT_TRUE(half.ends());
    expect_clean_end();
}

TEST_P(EngineTest, ADrainFinishesMailDataAndTellsTheOthers) {
    config_.server.cores = GetParam();
    use_spool();
    start();
    Client fresh = client();
    EXPECT_EQ(fresh.reply(), 220);
    Client mail = greeted();
    EXPECT_EQ(mail.ask("MAIL FROM:<a@example.org>"), 250);
    Client data = greeted();
    ASSERT_TRUE(data.begin_message());
    data.send(lines(200'000));
    Client chunks = greeted();
    EXPECT_EQ(chunks.ask("MAIL FROM:<a@example.org>"), 250);
    EXPECT_EQ(chunks.ask("RCPT TO:<b@example.com>"), 250);
    EXPECT_EQ(chunks.ask("BDAT 6\r\nabcd"), 250);

    engine_->request_stop();
    EXPECT_EQ(fresh.reply(), 421);
    EXPECT_TRUE(fresh.ends());
    EXPECT_EQ(mail.reply(), 421);
    EXPECT_TRUE(mail.ends());
    data.send(lines(100'000) + ".\r\n");
    EXPECT_EQ(data.reply(), 250);
    EXPECT_EQ(data.reply(), 421);
    EXPECT_TRUE(data.ends());
    EXPECT_EQ(chunks.ask("BDAT 6 LAST\r\nefgh"), 250);
    EXPECT_EQ(chunks.reply(), 421);
    EXPECT_TRUE(chunks.ends());
    engine_->wait();
    EXPECT_EQ(engine_->cut_off(), 0);
    EXPECT_EQ(count("messages_stored"), 2u);
}

TEST_F(EngineTest, TheDrainsDeadlineCutsOffWhoIsStuckAndSaysSo) {
    config_.server.shutdown_grace_s = 1;
    use_spool();
    start();
    Client stuck = greeted();
    ASSERT_TRUE(stuck.begin_message());
    stuck.send(lines(300'000));
    Client also = greeted();
    ASSERT_TRUE(also.begin_message());
    engine_->request_stop();
    engine_->wait();
    EXPECT_EQ(engine_->cut_off(), 2);
    EXPECT_TRUE(stuck.ends());
    EXPECT_TRUE(also.ends());
    EXPECT_EQ(count("messages_stored"), 0u);
}

}  // namespace
}  // namespace ringmx::server
