// A plugin behind a storage worker, with a core on the other side: messages arrive whole and in order, late
// completions wake the worker, and the end is orderly whatever the plugin does.
#include "storage/plugin/plugin_backend.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "storage/storage_worker.hpp"
#include "test_plugin.hpp"

namespace ringmx::storage::plugin {
namespace {

constexpr std::int64_t kHourNs = 3600 * kNsPerSecond;

// What the plugin was given, for the test's thread; the plugin answers as told.
struct Stage {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::pair<std::uint64_t, std::string>> seen;  // token, content
    std::size_t batch_max = 0;
    bool answer_at_once = true;
    bool hold_submit = false;
    bool in_submit = false;
    bool closed = false;
    std::optional<ringmx::plugin::Host> host;

    void wait_for(const std::function<bool()>& what) {
        std::unique_lock lock(mutex);
        changed.wait(lock, what);
    }
};
Stage* stage = nullptr;

class Staged final : public ringmx::plugin::Backend {
 public:
    Staged(ringmx::plugin::Host given, const ringmx::plugin::Options& options)
        : host_(given),
          in_flight_max_(static_cast<std::uint32_t>(options.number("in_flight_max", 0, 0, 1000))) {
        const std::lock_guard lock(stage->mutex);
        stage->host = given;
    }
    ringmx::plugin::Durability durability() const override { return RINGMX_DURABLE_REPLICATED; }
    std::uint32_t in_flight_max() const override { return in_flight_max_; }
    void submit(std::span<const ringmx::plugin::Message> messages) override {
        std::unique_lock lock(stage->mutex);
        stage->in_submit = true;
        stage->changed.notify_all();
        stage->changed.wait(lock, [] { return !stage->hold_submit; });
        stage->in_submit = false;
        stage->batch_max = std::max(stage->batch_max, messages.size());
        for (const auto& message : messages) {
            stage->seen.emplace_back(message.token(), message.content());
            if (stage->answer_at_once) host_.stored(message.token());
        }
        stage->changed.notify_all();
    }
    void close() override {
        const std::lock_guard lock(stage->mutex);
        stage->closed = true;
        stage->changed.notify_all();
    }

 private:
    ringmx::plugin::Host host_;
    std::uint32_t in_flight_max_;
};

constexpr ringmx_backend kStaged = ringmx::plugin::detail::describe<Staged>("staged", "1");

class PluginBehindWorker : public testing::Test {
 protected:
    void SetUp() override { stage = &stage_; }
    void TearDown() override {
        host_.reset();
        if (worker_ != nullptr) worker_->stop();
    }
    void start(OptionList options = {}, std::uint32_t outstanding_max = 0) {
        WorkerOptions worker_options;
        worker_options.tick_ns = kHourNs;  // nothing but a wake-up makes the worker look
        worker_options.outstanding_max = outstanding_max;
        auto started = StorageWorker::start(worker_options, [&](ring::Ring& ring, StoreSink& sink) {
            PluginOptions plugin;
            plugin.options = std::move(options);
            plugin.services = services_;
            plugin.totals = totals_;
            return open_plugin(kStaged, std::move(plugin), ring, sink);
        });
        ASSERT_TRUE(started.ok()) << started.error().message;
        worker_ = std::move(*started);
        auto ring = ring::Ring::create({.submission_entries = 64, .completion_entries = 256});
        ASSERT_TRUE(ring.ok());
        ring_ = std::move(*ring);
        auto host = worker_->attach(*ring_, sink_);
        ASSERT_TRUE(host.ok());
        host_ = std::move(*host);
    }
    void submit(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            TestMessage& one = messages_.emplace_back();
            one.put("message " + std::to_string(messages_.size() - 1) + "\r\n");
            one.add_chunk();
            one.put("second chunk");
            ASSERT_TRUE(host_->submit({StoreOp::commit, &one.message, nullptr}));
        }
        host_->flush();
        ASSERT_EQ(ring_->enter(0), 0);
    }
    // The core's loop until so many messages are answered.
    void wait_for_done(std::size_t count) {
        while (sink_.done.size() < count) {
            host_->poll();
            ring_->reap([](const io_uring_cqe&) {});
            if (sink_.done.size() >= count) return;
            const bool stay = host_->prepare_to_sleep();
            ASSERT_EQ(ring_->enter(stay ? 0 : -1), 0);
            host_->woke_up();
        }
    }

    Stage stage_;
    std::shared_ptr<RecordingServices> services_ = std::make_shared<RecordingServices>();
    std::shared_ptr<Totals> totals_ = std::make_shared<Totals>();
    RecordingSink sink_;
    std::deque<TestMessage> messages_;
    std::unique_ptr<StorageWorker> worker_;
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<Host> host_;
};

TEST_F(PluginBehindWorker, MessagesArriveWholeAndInOrder) {
    start();
    EXPECT_EQ(host_->traits().name, "staged");
    EXPECT_EQ(host_->traits().durability, Durability::replicated);
    EXPECT_FALSE(host_->traits().streams);
    submit(100);
    wait_for_done(100);
    ASSERT_EQ(stage_.seen.size(), 100u);
    for (std::size_t i = 0; i < 100; ++i) {
        EXPECT_EQ(stage_.seen[i].second, "message " + std::to_string(i) + "\r\nsecond chunk");
        EXPECT_EQ(sink_.done[i].message, &messages_[i].message);
        EXPECT_EQ(sink_.done[i].status, StoreStatus::stored);
    }
    EXPECT_EQ(totals_->counters().stored, 100u);
}

TEST_F(PluginBehindWorker, CompletionsFromOtherThreadsWakeTheWorker) {
    start();
    stage_.answer_at_once = false;
    for (std::size_t round = 1; round <= 50; ++round) {
        submit(1);
        stage_.wait_for([&] { return stage_.seen.size() == round; });
        std::thread([&] { stage_.host->stored(stage_.seen.back().first); }).join();
        wait_for_done(round);
    }
}

TEST_F(PluginBehindWorker, WhatThePluginDoesNotTakeWaitsInOrder) {
    start({{"in_flight_max", "3"}});
    {
        const std::lock_guard lock(stage_.mutex);
        stage_.answer_at_once = false;
    }
    submit(20);
    for (std::size_t answered = 0; answered < 20; ++answered) {
        std::uint64_t token = 0;
        stage_.wait_for([&] { return stage_.seen.size() == std::min<std::size_t>(answered + 3, 20); });
        {
            const std::lock_guard lock(stage_.mutex);
            token = stage_.seen[answered].first;
        }
        stage_.host->stored(token);
        wait_for_done(answered + 1);
    }
    for (std::size_t i = 0; i < 20; ++i)
        EXPECT_TRUE(stage_.seen[i].second.starts_with("message " + std::to_string(i) + "\r"));
    EXPECT_LE(stage_.batch_max, 3u);
}

TEST_F(PluginBehindWorker, MoreThanItTakesAtOnceAndCompletedAtOnceGoesOnByItself) {
    start({{"in_flight_max", "3"}});
    submit(100);
    wait_for_done(100);
}

TEST_F(PluginBehindWorker, TextsReachTheCore) {
    start();
    stage_.answer_at_once = false;
    submit(3);
    stage_.wait_for([&] { return stage_.seen.size() == 3; });
    const std::string longest(200, 'x');
    stage_.host->reject(stage_.seen[0].first, "no such list");
    stage_.host->retry(stage_.seen[1].first, longest);
    stage_.host->retry(stage_.seen[2].first, "");
    wait_for_done(3);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::reject);
    EXPECT_EQ(sink_.done[0].text, "no such list");
    EXPECT_EQ(sink_.done[1].text, longest);
    EXPECT_EQ(sink_.done[2].text, "the storage backend cannot keep the message now");
    EXPECT_EQ(stage_.seen[0].second, "message 0\r\nsecond chunk");  // its text went elsewhere
}

TEST_F(PluginBehindWorker, AFullQueueTakesNoNewMail) {
    start({}, 2);
    stage_.answer_at_once = false;
    EXPECT_TRUE(host_->accepting());
    submit(2);
    EXPECT_FALSE(host_->accepting());
    TestMessage third;
    EXPECT_FALSE(host_->submit({StoreOp::commit, &third.message, nullptr}));
    EXPECT_EQ(host_->counters().queue_full, 1u);
    stage_.wait_for([&] { return stage_.seen.size() == 2; });
    stage_.host->stored(stage_.seen[0].first);
    wait_for_done(1);
    EXPECT_TRUE(host_->accepting());
    stage_.host->stored(stage_.seen[1].first);
    wait_for_done(2);
}

TEST_F(PluginBehindWorker, WhatIsNeverCompletedIsGivenUpAtTheEnd) {
    start({{"in_flight_max", "2"}});
    stage_.answer_at_once = false;
    submit(5);
    stage_.wait_for([&] { return stage_.seen.size() == 2; });
    EXPECT_TRUE(host_->abandon(kHourNs));
    EXPECT_TRUE(stage_.closed);
    host_.reset();
    EXPECT_TRUE(worker_->stop());
    EXPECT_EQ(totals_->counters().retried, 2u);
    EXPECT_EQ(totals_->counters().in_flight, 0u);
}

TEST_F(PluginBehindWorker, APluginThatIsStuckIsLeftBehind) {
    start();
    {
        const std::lock_guard lock(stage_.mutex);
        stage_.hold_submit = true;
    }
    submit(1);
    stage_.wait_for([&] { return stage_.in_submit; });
    EXPECT_FALSE(host_->abandon(kNsPerMs));
    // As a core does: what the worker may touch stays.
    Host* const left = host_.release();
    EXPECT_FALSE(worker_->stop());
    {
        const std::lock_guard lock(stage_.mutex);
        stage_.hold_submit = false;
        stage_.changed.notify_all();
    }
    // Its thread is not the process's concern any more; this test lets it end, for its memory's sake.
    stage_.wait_for([&] { return stage_.closed; });
    while (totals_.use_count() > 1)
        std::this_thread::yield();
    delete left;
}

TEST_F(PluginBehindWorker, AnAbortIsAnsweredWithoutThePlugin) {
    start();
    TestMessage one;
    ASSERT_TRUE(host_->submit({StoreOp::abort, &one.message, nullptr}));
    host_->flush();
    wait_for_done(1);
    EXPECT_EQ(sink_.done[0].status, StoreStatus::aborted);
    EXPECT_TRUE(stage_.seen.empty());
}

TEST_F(PluginBehindWorker, APluginThatDoesNotOpenStopsTheWorkersStart) {
    auto started = StorageWorker::start({}, [&](ring::Ring& ring, StoreSink& sink) {
        PluginOptions plugin;
        plugin.options = {{"in_flight_mx", "3"}};
        plugin.services = services_;
        plugin.totals = totals_;
        return open_plugin(kStaged, std::move(plugin), ring, sink);
    });
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().message,
              "storage backend \"staged\" could not be opened: unknown option in_flight_mx");
}

// Cores' threads, the worker's and the plugin's own at once.
TEST_F(PluginBehindWorker, LoadFromTwoCoresWithCompletionsFromAThread) {
    start({{"in_flight_max", "7"}});
    {
        const std::lock_guard lock(stage_.mutex);
        stage_.answer_at_once = false;
    }
    constexpr std::size_t kEach = 2000;
    std::thread completer([&] {
        for (std::size_t done = 0; done < 2 * kEach;) {
            stage_.wait_for([&] { return stage_.seen.size() > done; });
            std::vector<std::uint64_t> tokens;
            {
                const std::lock_guard lock(stage_.mutex);
                for (; done < stage_.seen.size(); ++done)
                    tokens.push_back(stage_.seen[done].first);
            }
            for (const std::uint64_t token : tokens)
                stage_.host->stored(token);
        }
    });
    std::thread other([&] {
        RecordingSink sink;
        auto ring = ring::Ring::create({.submission_entries = 64, .completion_entries = 256});
        auto host = worker_->attach(**ring, sink);
        std::deque<TestMessage> messages;
        while (sink.done.size() < kEach) {
            (*host)->poll();
            (*ring)->reap([](const io_uring_cqe&) {});
            while (messages.size() < kEach && (*host)->outstanding() < 5) {
                (*host)->submit({StoreOp::commit, &messages.emplace_back().message, nullptr});
            }
            (*host)->flush();
            const bool stay = (*host)->prepare_to_sleep() || sink.done.size() >= kEach;
            ASSERT_EQ((*ring)->enter(stay ? 0 : -1), 0);
            (*host)->woke_up();
        }
    });
    for (std::size_t sent = 0; sent < kEach; sent += 20) {
        submit(20);
        wait_for_done(sent + 10);
    }
    wait_for_done(kEach);
    other.join();
    completer.join();
    EXPECT_EQ(totals_->counters().stored, 2 * kEach);
    EXPECT_EQ(totals_->counters().false_completions, 0u);
}

}  // namespace
}  // namespace ringmx::storage::plugin
