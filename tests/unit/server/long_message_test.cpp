// Long messages go over from multishot receives to receives in bulk, and back: every octet is kept, in order,
// and nothing behind the message is lost, with kernels that end a multishot receive by themselves and with
// those on which it is cancelled.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core_fixture.hpp"
#include "ring/probe.hpp"

namespace ringmx::server {
namespace {

using test::Client;

// What has been stored, by any thread.
class Mails {
 public:
    void add(std::string mail) {
        const std::lock_guard lock(mutex_);
        mails_.push_back(std::move(mail));
    }
    std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return mails_;
    }

 private:
    mutable std::mutex mutex_;
    std::vector<std::string> mails_;
};

// Puts the parts of each message together; answers in the next turn, so that parts are in flight meanwhile.
class CollectingBackend final : public storage::Backend {
 public:
    CollectingBackend(storage::StoreSink& sink, Mails& mails) : sink_(sink), mails_(mails) {}

    storage::BackendTraits traits() const override {
        return {.name = "collecting",
                .durability = storage::Durability::none,
                .streams = true,
                .blocking = false};
    }
    void submit(std::span<const storage::StoreRequest> batch) override {
        waiting_.insert(waiting_.end(), batch.begin(), batch.end());
    }
    void flush() override {
        const std::vector<storage::StoreRequest> requests = std::exchange(waiting_, {});
        for (const storage::StoreRequest& request : requests)
            answer(request);
    }
    void tick(Now) override { flush(); }
    bool accepting() const override { return true; }
    void close() override {}
    std::uint64_t outstanding() const override { return waiting_.size(); }
    const storage::BackendCounters& counters() const override { return counters_; }

 private:
    void answer(const storage::StoreRequest& request) {
        if (request.op == storage::StoreOp::part) {
            text_[request.message].append(as_text(request.chunk->payload()));
            return sink_.part_done(request.message, request.chunk, storage::StoreStatus::stored);
        }
        std::string mail = std::move(text_[request.message]);
        text_.erase(request.message);
        if (request.op == storage::StoreOp::abort)
            return sink_.message_done(request.message, storage::StoreStatus::aborted, {});
        for (const Chunk* chunk = request.message->first; chunk != nullptr; chunk = chunk->next)
            mail.append(as_text(chunk->payload()));
        mails_.add(std::move(mail));
        sink_.message_done(request.message, storage::StoreStatus::stored, {});
    }

    storage::StoreSink& sink_;
    Mails& mails_;
    std::vector<storage::StoreRequest> waiting_;
    std::map<const Message*, std::string> text_;
    storage::BackendCounters counters_;
};

// Lines of all lengths, none of which begins with a dot.
std::string lines(std::mt19937& random, std::size_t octets) {
    std::string text;
    while (text.size() < octets) {
        text.append(random() % 200, static_cast<char>('a' + random() % 26));
        text += "\r\n";
    }
    return text;
}

class LongMessages : public test::CoreTest, public ::testing::WithParamInterface<bool> {
 protected:
    void SetUp() override {
        receive_limit_ = GetParam();
        const auto kernel = ring::probe_kernel();
        ASSERT_TRUE(kernel.ok());
        if (receive_limit_ && !kernel->receive_limit) GTEST_SKIP() << "this kernel has no receive_limit";
    }
    void start() {
        session_.errors_max = session_.commands_max = 1u << 30;
        make(std::make_unique<policy::Policy>(), std::size_t{16} << 20,
             [this](storage::StoreSink& sink) { return std::make_unique<CollectingBackend>(sink, mails_); });
        run();
    }
    void send_and_compare(unsigned clients);

    Mails mails_;
};

// Sends messages of all lengths over `clients` connections; each has to be stored as it was sent, and once.
void LongMessages::send_and_compare(unsigned clients) {
    std::mutex mutex;
    std::vector<std::string> sent;
    std::vector<std::thread> threads;
    for (unsigned client = 0; client < clients; ++client) {
        threads.emplace_back([&, client] {
            std::mt19937 random(client);
            Client one(port_);
            EXPECT_EQ(one.reply(), 220);
            EXPECT_EQ(one.ask("EHLO client.example.org"), 250);
            for (const std::size_t octets :
                 {100u, 20'000u, 32'768u, 33'000u, 70'000u, 300'000u, 10u, 700'000u}) {
                const std::string name = std::to_string(client) + " sends " + std::to_string(octets);
                const std::string body = "\r\n" + name + "\r\n" + lines(random, octets);
                EXPECT_TRUE(one.begin_message());
                const std::string all = body + ".\r\nNOOP\r\n";
                for (std::size_t at = 0; at < all.size();) {
                    const std::size_t most = random() % 4 == 0 ? 3 : 150'000;
                    const std::size_t count = std::min<std::size_t>(1 + random() % most, all.size() - at);
                    EXPECT_TRUE(one.send(std::string_view(all).substr(at, count)));
                    at += count;
                }
                EXPECT_EQ(one.reply(), 250);
                EXPECT_EQ(one.reply(), 250) << "NOOP";
                const std::lock_guard lock(mutex);
                sent.push_back(body);
            }
            EXPECT_EQ(one.ask("QUIT"), 221);
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    const std::vector<std::string> kept = mails_.all();
    ASSERT_EQ(kept.size(), sent.size());
    for (const std::string& body : sent) {
        const auto is_whole = [&body](const std::string& mail) {
            return mail.size() > body.size() && mail.size() < body.size() + 600 && mail.ends_with(body);
        };
        EXPECT_EQ(std::count_if(kept.begin(), kept.end(), is_whole), 1) << body.size() << " octets";
    }
}

TEST_P(LongMessages, ArriveWholeWithWhatIsBehindThem) {
    start();
    send_and_compare(4);
}

// The queue of completions is far too short for the clients: a receive's own may come a turn later.
TEST_P(LongMessages, ArriveWholeThoughCompletionsOverflow) {
    ring_.submission_entries = ring_.completion_entries = 8;
    start();
    std::atomic<bool> end{false};
    std::vector<std::thread> others;
    for (int other = 0; other < 8; ++other) {
        others.emplace_back([&] {
            std::vector<Client> many;
            for (int i = 0; i < 16; ++i) {
                many.emplace_back(port_);
                EXPECT_EQ(many.back().reply(), 220);
            }
            while (!end) {
                for (Client& one : many)
                    EXPECT_TRUE(one.send("NOOP\r\n"));
                for (Client& one : many)
                    EXPECT_EQ(one.reply(), 250);
            }
        });
    }
    send_and_compare(8);
    end = true;
    for (std::thread& other : others)
        other.join();
    stop();
    EXPECT_GT(counters_.completion_queue_overflows.get(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, LongMessages, ::testing::Bool(), [](const auto& kernel) {
    return kernel.param ? std::string("ThatEndReceives") : std::string("ThatCancel");
});

}  // namespace
}  // namespace ringmx::server
