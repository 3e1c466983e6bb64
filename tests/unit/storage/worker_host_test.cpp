// Cores and a storage worker on threads of their own: nothing is lost, doubled or out of order, no wake-up is
// missed, and the end is orderly. A lost wake-up hangs a test: the cores wait without a timeout, and the
// worker ticks once an hour.
#include <atomic>
#include <chrono>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fakes.hpp"
#include "storage/storage_worker.hpp"

namespace ringmx::storage {
namespace {

constexpr std::int64_t kHourNs = 3600 * kNsPerSecond;

// Answers some requests at once and the others after a timeout on its ring (all of them, if that is long),
// never reordering a message's own.
class EchoBackend final : public Backend, public ring::CompletionHandler {
 public:
    struct Seen {
        std::atomic<std::uint64_t> requests{0};
        std::atomic<std::uint64_t> reported{0};
        std::atomic<bool> closed{false};
        std::atomic<bool> accepting{true};
        std::thread::id thread;  // that called close()
    };
    EchoBackend(ring::Ring& ring, StoreSink& sink, Seen& seen, std::int64_t delay_ns)
        : ring_(ring), sink_(sink), seen_(seen), tag_(ring.add_handler(*this)) {
        delay_.tv_nsec = delay_ns;
    }

    BackendTraits traits() const override { return {"echo", Durability::process, true, false}; }
    void submit(std::span<const StoreRequest> batch) override {
        for (const StoreRequest& request : batch)
            waiting_.push_back(request);
        seen_.requests.fetch_add(batch.size());
    }
    void flush() override {
        if (waiting_.empty() || armed_) return;
        const bool always = delay_.tv_nsec >= kNsPerMs;
        if (delay_.tv_nsec == 0 || (!always && random_() % 2 == 0)) return answer();
        armed_ = true;
        io_uring_sqe* sqe = ring_.request();
        io_uring_prep_timeout(sqe, &delay_, 0, 0);
        sqe->user_data = tag_;
    }
    void on_completion(std::uint64_t, std::int32_t result, std::uint32_t) override {
        EXPECT_EQ(result, -ETIME);
        armed_ = false;
        answer();
    }
    void tick(Now) override { ++counters_.batches; }
    bool accepting() const override { return seen_.accepting.load(); }
    void close() override {
        EXPECT_EQ(outstanding(), 0u);
        seen_.thread = std::this_thread::get_id();
        seen_.closed.store(true);
    }
    std::uint64_t outstanding() const override { return waiting_.size(); }
    const BackendCounters& counters() const override { return counters_; }

 private:
    void answer() {
        while (!waiting_.empty()) {
            const StoreRequest request = waiting_.front();
            waiting_.pop_front();
            seen_.reported.fetch_add(1);
            if (request.op == StoreOp::part) {
                ++request.message->backend_state[1];
                sink_.part_done(request.message, request.chunk, StoreStatus::stored);
                continue;
            }
            ++request.message->backend_state[0];
            ++counters_.messages_stored;
            const bool aborts = request.op == StoreOp::abort;
            sink_.message_done(request.message, aborts ? StoreStatus::aborted : StoreStatus::stored, {});
        }
    }

    ring::Ring& ring_;
    StoreSink& sink_;
    Seen& seen_;
    std::uint64_t tag_;
    __kernel_timespec delay_{};
    std::deque<StoreRequest> waiting_;
    std::mt19937 random_{3};
    bool armed_ = false;
    BackendCounters counters_;
};

BackendFactory echo(EchoBackend::Seen& seen, std::int64_t delay_ns = 0) {
    return [&seen, delay_ns](ring::Ring& ring, StoreSink& sink) -> Result<std::unique_ptr<Backend>> {
        return std::unique_ptr<Backend>(std::make_unique<EchoBackend>(ring, sink, seen, delay_ns));
    };
}

std::unique_ptr<ring::Ring> core_ring() {
    ring::RingOptions options;
    options.submission_entries = 64;
    options.completion_entries = 256;
    auto ring = ring::Ring::create(options);
    EXPECT_TRUE(ring.ok());
    return std::move(*ring);
}

// One core: keeps up to a random number of messages at the worker, and sleeps when there is nothing to do.
class TestCore final : public StoreSink {
 public:
    TestCore(StorageWorker& worker, unsigned seed, std::uint32_t messages)
        : random_(seed), left_(messages), ring_(core_ring()) {
        auto host = worker.attach(*ring_, *this);
        EXPECT_TRUE(host.ok());
        host_ = std::move(*host);
        for (std::uint32_t i = 0; i < kMessages; ++i) {
            idle_.push_back(&messages_.emplace_back());
        }
    }

    void run() {
        std::uint32_t window = 1;
        while (left_ > 0 || host_->outstanding() > 0) {
            host_->poll();
            ring_->reap([](const io_uring_cqe&) {});
            if (host_->outstanding() == 0) window = 1 + random_() % kMessages;
            while (left_ > 0 && idle_.size() > kMessages - window)
                send_one();
            host_->flush();
            ++turns_;
            dawdle();
            const bool stay = host_->prepare_to_sleep() || host_->outstanding() == 0;
            ASSERT_EQ(ring_->enter(stay ? 0 : -1), 0);
            host_->woke_up();
        }
        const HostCounters counters = host_->counters();
        EXPECT_EQ(counters.submitted, counters.completed);
        EXPECT_EQ(counters.depth, 0u);
        EXPECT_LE(counters.wakes_sent, turns_);
        EXPECT_EQ(done_, sent_);
        host_.reset();
    }

    void part_done(Message* message, Chunk* chunk, StoreStatus status) override {
        EXPECT_EQ(chunk, &part_of(message));
        EXPECT_EQ(status, StoreStatus::stored);
        --message->parts_in_flight;
    }
    void message_done(Message* message, StoreStatus status, std::string_view) override {
        EXPECT_EQ(status, message->part_failed ? StoreStatus::aborted : StoreStatus::stored);
        EXPECT_EQ(message->parts_in_flight, 0u);
        EXPECT_EQ(message->backend_state[0], 1u);
        EXPECT_EQ(message->backend_state[1], message->parts_submitted);
        ++done_;
        idle_.push_back(message);
    }

 private:
    static constexpr std::uint32_t kMessages = 8;

    Chunk& part_of(Message* message) { return parts_[message->connection_slot]; }
    void send_one() {
        Message* message = idle_.back();
        idle_.pop_back();
        const std::uint32_t lane = message->storage_lane;
        *message = Message{};
        message->storage_lane = lane;
        message->connection_slot = static_cast<std::uint32_t>(idle_.size());
        message->part_failed = random_() % 8 == 0;
        for (auto parts = random_() % 3; parts > 0; --parts) {
            ++message->parts_submitted;
            ++message->parts_in_flight;
            EXPECT_TRUE(host_->submit({StoreOp::part, message, &part_of(message)}));
        }
        EXPECT_TRUE(
            host_->submit({message->part_failed ? StoreOp::abort : StoreOp::commit, message, nullptr}));
        ++sent_;
        --left_;
    }
    // Sometimes long enough for the worker to fall asleep, sometimes just past its last look.
    void dawdle() {
        switch (random_() % 64) {
            case 0:
                std::this_thread::sleep_for(std::chrono::microseconds(random_() % 200));
                break;
            case 1:
                std::this_thread::yield();
                break;
            default:
                break;
        }
    }

    std::mt19937 random_;
    std::uint32_t left_;
    std::unique_ptr<ring::Ring> ring_;
    std::deque<Message> messages_;
    std::array<Chunk, kMessages> parts_;
    std::vector<Message*> idle_;
    std::unique_ptr<Host> host_;
    std::uint64_t sent_ = 0;
    std::uint64_t done_ = 0;
    std::uint64_t turns_ = 0;
};

struct Setting {
    bool message_ring;
    std::int64_t delay_ns;
};

class WorkerHostStress : public ::testing::TestWithParam<Setting> {};

TEST_P(WorkerHostStress, EveryMessageComesBackOnceWhoeverSleeps) {
    constexpr std::uint32_t per_core = 20'000;
    EchoBackend::Seen seen;
    WorkerOptions options;
    options.message_ring = GetParam().message_ring;
    options.tick_ns = kHourNs;
    options.queue_entries = 32;
    auto worker = StorageWorker::start(options, echo(seen, GetParam().delay_ns));
    ASSERT_TRUE(worker.ok()) << worker.error().message;
    std::vector<std::thread> cores;
    for (unsigned seed = 0; seed < 3; ++seed) {
        cores.emplace_back([&worker, seed] { TestCore(**worker, seed, per_core).run(); });
    }
    for (std::thread& core : cores)
        core.join();
    (*worker)->stop();
    EXPECT_TRUE(seen.closed.load());
    EXPECT_EQ(seen.requests.load(), seen.reported.load());
    EXPECT_GE(seen.requests.load(), 3u * per_core);
}

INSTANTIATE_TEST_SUITE_P(Wakes, WorkerHostStress,
                         ::testing::Values(Setting{true, 0}, Setting{false, 0}, Setting{true, 50'000}));

class WorkerHostTest : public ::testing::Test {
 protected:
    void start(const WorkerOptions& options = {}, std::int64_t delay_ns = 0) {
        auto worker = StorageWorker::start(options, echo(seen_, delay_ns));
        ASSERT_TRUE(worker.ok());
        worker_ = std::move(*worker);
        ring_ = core_ring();
        auto host = worker_->attach(*ring_, sink_);
        ASSERT_TRUE(host.ok());
        host_ = std::move(*host);
    }
    void turn(std::int64_t timeout_ns = -1) {
        host_->flush();
        ASSERT_EQ(ring_->enter(host_->prepare_to_sleep() ? 0 : timeout_ns), 0);
        host_->woke_up();
        ring_->reap([](const io_uring_cqe&) {});
        host_->poll();
    }

    EchoBackend::Seen seen_;
    RecordingSink sink_;
    std::unique_ptr<StorageWorker> worker_;
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<Host> host_;
};

TEST_F(WorkerHostTest, RequestsGoToTheWorkerAndReportsComeToTheSink) {
    start();
    EXPECT_EQ(host_->traits().name, "echo");
    TestMessage message;
    ASSERT_TRUE(host_->submit({StoreOp::commit, &message.message, nullptr}));
    EXPECT_TRUE(host_->prepare_to_sleep());  // not flushed yet
    while (sink_.done.empty())
        turn();
    EXPECT_EQ(sink_.done[0].message, &message.message);
    EXPECT_EQ(host_->outstanding(), 0u);
}

TEST_F(WorkerHostTest, FullQueueTakesNothingUntilPolled) {
    WorkerOptions options;
    options.queue_entries = 2;
    start(options);
    TestMessage messages[3];
    EXPECT_TRUE(host_->submit({StoreOp::commit, &messages[0].message, nullptr}));
    EXPECT_TRUE(host_->submit({StoreOp::commit, &messages[1].message, nullptr}));
    host_->flush();
    while (seen_.reported.load() < 2)
        ASSERT_EQ(ring_->enter(kNsPerMs), 0);
    EXPECT_FALSE(
        host_->submit({StoreOp::commit, &messages[2].message, nullptr}));  // their reports hold their places
    EXPECT_EQ(host_->counters().queue_full, 1u);
    while (sink_.done.size() < 2)
        turn();
    EXPECT_TRUE(host_->submit({StoreOp::commit, &messages[2].message, nullptr}));
    while (sink_.done.size() < 3)
        turn();
}

TEST_F(WorkerHostTest, NobodyIsWokenWhileAwake) {
    WorkerOptions options;
    options.tick_ns = kHourNs;
    start(options);
    host_->flush();
    EXPECT_EQ(host_->counters().wakes_sent, 0u);  // nothing to publish
    TestMessage messages[2];
    ASSERT_TRUE(host_->submit({StoreOp::commit, &messages[0].message, nullptr}));
    ASSERT_TRUE(host_->submit({StoreOp::commit, &messages[1].message, nullptr}));
    while (sink_.done.size() < 2)
        turn();
    EXPECT_LE(host_->counters().wakes_sent, 1u);  // one flush with news: one wake-up at most
}

TEST_F(WorkerHostTest, LeavingWaitsForWhatTheWorkerHas) {
    WorkerOptions options;
    options.tick_ns = kNsPerMs;  // many turns while the backend takes its time
    start(options, 20 * kNsPerMs);
    std::deque<TestMessage> messages(20);
    for (TestMessage& each : messages) {
        ASSERT_TRUE(host_->submit({StoreOp::commit, &each.message, nullptr}));
        host_->flush();
        ASSERT_EQ(ring_->enter(0), 0);
    }
    host_.reset();  // the messages go next
    EXPECT_EQ(seen_.requests.load(), 20u);
    EXPECT_EQ(seen_.reported.load(), 20u);
    EXPECT_TRUE(sink_.done.empty());
}

TEST_F(WorkerHostTest, LanesAreUsedAgain) {
    start();
    for (int i = 0; i < 8; ++i) {
        host_.reset();
        ring_ = core_ring();
        auto host = worker_->attach(*ring_, sink_);
        ASSERT_TRUE(host.ok());
        host_ = std::move(*host);
        TestMessage message;
        ASSERT_TRUE(host_->submit({StoreOp::commit, &message.message, nullptr}));
        const std::size_t before = sink_.done.size();
        while (sink_.done.size() == before)
            turn();
        EXPECT_EQ(message.message.storage_lane, 0u);
    }
}

TEST_F(WorkerHostTest, HostMayGoAfterTheWorker) {
    start();
    worker_->stop();
    EXPECT_TRUE(seen_.closed.load());
    host_.reset();
    worker_.reset();
}

TEST_F(WorkerHostTest, BackendClosesOnTheWorkersThread) {
    start();
    host_.reset();
    worker_->stop();
    worker_->stop();  // no effect
    EXPECT_TRUE(seen_.closed.load());
    EXPECT_NE(seen_.thread, std::thread::id());
    EXPECT_NE(seen_.thread, std::this_thread::get_id());
}

TEST_F(WorkerHostTest, StopFinishesWhatWasPublished) {
    start({}, 20 * kNsPerMs);
    std::deque<TestMessage> messages(5);
    for (TestMessage& each : messages)
        ASSERT_TRUE(host_->submit({StoreOp::commit, &each.message, nullptr}));
    host_->flush();
    worker_->stop();
    EXPECT_EQ(seen_.reported.load(), 5u);
    host_->poll();
    EXPECT_EQ(sink_.done.size(), 5u);
}

TEST_F(WorkerHostTest, AcceptingAndCountersAreRelayed) {
    WorkerOptions options;
    options.tick_ns = kNsPerMs;
    start(options);
    EXPECT_TRUE(host_->accepting());
    seen_.accepting.store(false);
    while (host_->accepting())
        ASSERT_EQ(ring_->enter(kNsPerMs), 0);
    TestMessage message;
    ASSERT_TRUE(host_->submit({StoreOp::commit, &message.message, nullptr}));
    while (sink_.done.empty())
        turn();
    while (host_->backend_counters().messages_stored == 0)
        ASSERT_EQ(ring_->enter(kNsPerMs), 0);
    EXPECT_EQ(host_->backend_counters().messages_stored, 1u);
    EXPECT_GT(host_->backend_counters().batches, 0u);
}

TEST(StorageWorker, FailureToOpenTheBackendIsReported) {
    auto worker = StorageWorker::start({}, [](ring::Ring&, StoreSink&) -> Result<std::unique_ptr<Backend>> {
        return Error{13, "the folder belongs to somebody else"};
    });
    ASSERT_FALSE(worker.ok());
    EXPECT_EQ(worker.error().code, 13);
    EXPECT_EQ(worker.error().message, "the folder belongs to somebody else");
}

}  // namespace
}  // namespace ringmx::storage
