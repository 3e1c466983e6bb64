// The pool against a scripted server on a Unix socket: what no real server does on demand.
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lmtp/address.hpp"
#include "lmtp/pool.hpp"
#include "test_message.hpp"

namespace ringmx::lmtp {
namespace {

using backends::TestMessage;

// One connection after another, each served by its script; what follows the last script is refused.
class ScriptedServer {
 public:
    class Session {
     public:
        explicit Session(int fd) : fd_(fd) {}
        void say(std::string_view text) {
            ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
        }
        // Reads until what was read ends with `end`; false: the client closed.
        bool hear(std::string_view end) {
            heard.clear();
            while (!heard.ends_with(end)) {
                char octet = 0;
                if (::recv(fd_, &octet, 1, 0) != 1) return false;
                heard += octet;
            }
            return true;
        }
        void greet() {
            say("220 hello\r\n");
            ASSERT_TRUE(hear("\r\n"));
            say("250-server\r\n250 PIPELINING\r\n");
        }
        // The whole of a transaction; `replies` to MAIL and each RCPT and DATA, then `results`.
        void transaction(std::string_view replies, std::string_view results) {
            ASSERT_TRUE(hear("DATA\r\n"));
            envelope = heard;
            say(replies);
            ASSERT_TRUE(hear("\r\n.\r\n"));
            say(results);
        }
        std::string heard;
        std::string envelope;

     private:
        int fd_;
    };
    using Script = std::function<void(Session&)>;

    explicit ScriptedServer(std::vector<Script> scripts) {
        char folder[] = "/tmp/rmx-pool-XXXXXX";
        folder_ = mkdtemp(folder);
        address = folder_ + "/s";
        listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        address.copy(name.sun_path, sizeof name.sun_path - 1);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        thread_ = std::thread([this, scripts = std::move(scripts)] {
            for (const Script& script : scripts) {
                const int fd = ::accept(listener_, nullptr, nullptr);
                if (fd < 0) return;
                Session session(fd);
                script(session);
                ::close(fd);
            }
            ::shutdown(listener_, SHUT_RDWR);
        });
    }
    // Waits for the end of the scripts.
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    ~ScriptedServer() {
        ::shutdown(listener_, SHUT_RDWR);
        join();
        ::close(listener_);
        ::unlink(address.c_str());
        ::rmdir(folder_.c_str());
    }

    std::string address;

 private:
    std::string folder_;
    int listener_ = -1;
    std::thread thread_;
};

// A host that waits for completions.
class TestHost {
 public:
    TestHost() {
        raw_.host.size = sizeof raw_.host;
        raw_.owner = this;
        raw_.host.complete = [](const ringmx_host* host, std::uint64_t token, ringmx_status status,
                                const char* text, std::size_t octets) {
            TestHost& self = *reinterpret_cast<const Raw*>(host)->owner;
            const std::lock_guard lock(self.mutex_);
            EXPECT_TRUE(self.done_.emplace(token, std::pair(status, std::string(text, octets))).second);
            self.changed_.notify_all();
        };
        raw_.host.log = [](const ringmx_host*, ringmx_log_level, const char*, std::size_t) {};
        raw_.host.counter = [](const ringmx_host*, const char*) -> ringmx_counter* { return nullptr; };
        raw_.host.monotonic_ns = [](const ringmx_host*) -> std::int64_t {
            return std::chrono::steady_clock::now().time_since_epoch().count();
        };
    }
    plugin::Host host() const { return plugin::Host(&raw_.host); }
    std::pair<ringmx_status, std::string> wait(std::uint64_t token) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return done_.contains(token); }));
        return done_[token];
    }

 private:
    struct Raw {
        ringmx_host host{};
        TestHost* owner = nullptr;
    } raw_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, std::pair<ringmx_status, std::string>> done_;
};

PoolOptions options_for(const std::string& address) {
    PoolOptions options;
    options.connection.address = parse_address(address);
    options.connection.client.name = "mx.test";
    options.connection.connect_timeout_ns = options.connection.command_timeout_ns =
        options.connection.delivery_timeout_ns = 60'000'000'000;
    options.connections = 1;
    return options;
}

void submit(Pool& pool, TestMessage& message, std::uint64_t token) {
    message.raw.token = token;
    const plugin::Message one = message.view();
    pool.submit({&one, 1});
}

TEST(LmtpPool, AMessageMeetsAConnectionThatWasClosedWhileIdleAndGoesOverAnother) {
    TestHost host;
    ScriptedServer server({[](auto& session) {
                               session.greet();
                               session.transaction("250 a\r\n250 b\r\n354 c\r\n", "250 d\r\n");
                               session.hear("DATA\r\n");  // and closes without a reply
                           },
                           [](auto& session) {
                               session.greet();
                               session.transaction("250 a\r\n250 b\r\n354 c\r\n", "250 d\r\n");
                               session.hear("never\r\n");
                           }});
    Pool pool(host.host(), options_for(server.address));
    TestMessage message({{"a@x"}}, {"\r\nx\r\n"});
    submit(pool, message, 1);
    EXPECT_EQ(host.wait(1).first, RINGMX_STORED);
    submit(pool, message, 2);
    EXPECT_EQ(host.wait(2).first, RINGMX_STORED);
    pool.stop();
}

TEST(LmtpPool, WhoHasTheMessageIsNotGivenItAgain) {
    TestHost host;
    std::string second;
    ScriptedServer server({[](auto& session) {
                               session.greet();
                               session.transaction("250\r\n250\r\n250\r\n250\r\n550 no\r\n354\r\n",
                                                   "250 kept\r\n451 later\r\n");
                           },
                           [&second](auto& session) {
                               session.greet();
                               session.transaction("250\r\n250\r\n250\r\n354\r\n", "250 b\r\n250 c\r\n");
                               second = session.envelope;
                               session.hear("never\r\n");
                           }});
    TestMessage message({{"a@x"}, {"b@x"}, {"c@x"}, {"d@x"}}, {"\r\nx\r\n"});
    {
        Pool pool(host.host(), options_for(server.address));
        submit(pool, message, 1);
        EXPECT_EQ(host.wait(1), std::pair(RINGMX_RETRY, std::string("451 later")));
    }
    Pool another(host.host(), options_for(server.address));  // as of a delivery behind a spool
    submit(another, message, 2);
    EXPECT_EQ(host.wait(2).first, RINGMX_STORED);
    another.stop();
    server.join();
    EXPECT_EQ(second, "MAIL FROM:<sender@client.test>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n");
}

TEST(LmtpPool, RecipientsTooManyForOneTransactionGoInTheNext) {
    TestHost host;
    std::string second;
    ScriptedServer server({[&second](auto& session) {
        session.greet();
        session.transaction("250\r\n250\r\n452 4.5.3 enough\r\n354\r\n", "250 a\r\n");
        session.transaction("250\r\n250\r\n354\r\n", "250 b\r\n");
        second = session.envelope;
        session.hear("never\r\n");
    }});
    Pool pool(host.host(), options_for(server.address));
    TestMessage message({{"a@x"}, {"b@x"}}, {"\r\nx\r\n"});
    submit(pool, message, 1);
    EXPECT_EQ(host.wait(1).first, RINGMX_STORED);
    pool.stop();
    server.join();
    EXPECT_EQ(second, "MAIL FROM:<sender@client.test>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
}

TEST(LmtpPool, ASilentServerIsGivenUp) {
    TestHost host;
    ScriptedServer server({[](auto& session) {
        session.greet();
        session.hear("never\r\n");
    }});
    PoolOptions options = options_for(server.address);
    options.connection.command_timeout_ns = 100'000'000;
    Pool pool(host.host(), options);
    TestMessage message({{"a@x"}}, {"\r\nx\r\n"});
    TestMessage behind({{"a@x"}}, {"\r\nx\r\n"});
    submit(pool, message, 1);
    submit(pool, behind, 2);
    EXPECT_EQ(host.wait(1).first, RINGMX_RETRY);
    EXPECT_EQ(host.wait(2).first, RINGMX_RETRY);
}

TEST(LmtpPool, EndsWithinItsGraceAndCompletesEverything) {
    TestHost host;
    std::promise<void> begun;
    ScriptedServer server({[&begun](auto& session) {
        session.greet();
        session.hear("DATA\r\n");
        begun.set_value();
        session.hear("never\r\n");
    }});
    PoolOptions options = options_for(server.address);
    options.close_grace_ns = 50'000'000;
    Pool pool(host.host(), options);
    TestMessage message({{"a@x"}}, {"\r\nx\r\n"});
    TestMessage behind({{"a@x"}}, {"\r\nx\r\n"});
    submit(pool, message, 1);
    begun.get_future().wait();
    submit(pool, behind, 2);
    pool.stop();
    EXPECT_EQ(host.wait(1), std::pair(RINGMX_RETRY, std::string("the server is shutting down")));
    EXPECT_EQ(host.wait(2), std::pair(RINGMX_RETRY, std::string("the server is shutting down")));
}

}  // namespace
}  // namespace ringmx::lmtp
