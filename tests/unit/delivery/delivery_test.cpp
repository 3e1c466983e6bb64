// The delivery's thread: it wakes for mail and for answers, and ends in order.
#include "storage/delivery/delivery.hpp"

#include <chrono>
#include <mutex>
#include <thread>

#include "fixtures.hpp"
#include "storage/delivery/requeue.hpp"

namespace ringmx::storage::delivery {
namespace {

using test::SpoolWriter;
using test::TempDir;

// Answers from a thread of its own.
class ThreadedTarget final : public Target {
 public:
    explicit ThreadedTarget(std::function<void()> wake)
        : wake_(std::move(wake)), thread_([this] { run(); }) {}
    std::string_view name() const override { return "threaded"; }
    Durability durability() const override { return Durability::process; }
    std::size_t submit(std::span<const plugin::Submission> batch) override {
        const std::lock_guard lock(mutex_);
        for (const plugin::Submission& one : batch)
            given_.push_back(one.cookie);
        return batch.size();
    }
    void flush() override {}
    void tick() override {}
    void take(const std::function<void(const plugin::Completion&)>& each) override {
        std::vector<plugin::Completion> taken;
        {
            const std::lock_guard lock(mutex_);
            taken.swap(answers_);
        }
        for (const plugin::Completion& one : taken)
            each(one);
    }
    void close() override {
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return;
            closed_ = true;
        }
        thread_.join();
    }

 private:
    void run() {
        for (;;) {
            bool any = false;
            {
                const std::lock_guard lock(mutex_);
                if (closed_) return;
                any = !given_.empty();
                for (const std::uint64_t cookie : given_)
                    answers_.push_back(
                        {cookie, ++count_ % 5 == 0 ? StoreStatus::retry : StoreStatus::stored, {}});
                given_.clear();
            }
            if (any) wake_();
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }
    std::function<void()> wake_;
    std::mutex mutex_;
    std::vector<std::uint64_t> given_;
    std::vector<plugin::Completion> answers_;
    std::uint64_t count_ = 0;
    bool closed_ = false;
    std::thread thread_;
};

TEST(Deliveries, MailIsDeliveredAsItComesAndTheThreadEnds) {
    TempDir directory;
    DrainOptions options;
    options.spool_path = directory.path() + "/spool";
    options.dead = test::spool_options(dead_path(options.spool_path));
    options.scheduler = {.in_flight_max = 10,
                         .octets_max = 1u << 20,
                         .known_max = 1000,
                         .ready_max = 100,
                         .waiting_domains_max = 10,
                         .backoff = {kNsPerMs, 8 * kNsPerMs},
                         .hold_ns = 300 * kNsPerSecond};
    SpoolWriter writer(options.spool_path);
    test::RecordingObserver observer;
    Delivery delivery(
        options,
        [](std::function<void()> wake) -> Result<std::unique_ptr<Target>> {
            return std::unique_ptr<Target>(std::make_unique<ThreadedTarget>(std::move(wake)));
        },
        nullptr, observer, writer.backlog());
    const Status started = delivery.start();
    ASSERT_TRUE(started.ok());
    EXPECT_EQ(delivery.durability(), Durability::process);
    Delivery::Source& source = delivery.add_source();
    constexpr std::uint64_t total = 200;
    for (std::uint64_t i = 0; i < total; ++i) {
        writer.store({"a@d" + std::to_string(i % 7) + ".example"});
        source.stored();
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (delivery.counts().backlog_messages > 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const DeliveryCounts counts = delivery.counts();
    EXPECT_EQ(counts.backlog_messages, 0u);
    EXPECT_EQ(counts.delivered, total);
    EXPECT_GT(counts.retries, 0u);
    EXPECT_EQ(counts.oldest_age_s, 0u);
    delivery.stop();
    delivery.stop();
}

TEST(Deliveries, ATargetThatDoesNotOpenStopsTheStart) {
    TempDir directory;
    DrainOptions options;
    options.spool_path = directory.path() + "/spool";
    options.dead = test::spool_options(dead_path(options.spool_path));
    SpoolWriter writer(options.spool_path);
    test::RecordingObserver observer;
    Delivery delivery(
        options,
        [](std::function<void()>) -> Result<std::unique_ptr<Target>> {
            return Error{0, "not today"};
        },
        nullptr, observer, 0);
    const Status started = delivery.start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().message, "not today");
}

}  // namespace
}  // namespace ringmx::storage::delivery
