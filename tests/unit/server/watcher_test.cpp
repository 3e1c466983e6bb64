// The thread that looks when it is time and when it is asked to.
#include "server/watcher.hpp"

#include <atomic>
#include <functional>

#include <gtest/gtest.h>

namespace ringmx::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class WatcherTest : public testing::Test {
 protected:
    // Looks again after `pause`.
    void start(steady_clock::duration first, steady_clock::duration pause) {
        watcher_.start(steady_clock::now() + first, [this, pause](bool asked) {
            ++(asked ? asked_ : due_);
            if (on_look_) on_look_();
            return steady_clock::now() + pause;
        });
    }
    static bool comes_to(const std::function<bool()>& condition) {
        const auto end = steady_clock::now() + std::chrono::seconds(30);
        while (!condition()) {
            if (steady_clock::now() > end) return false;
            std::this_thread::sleep_for(milliseconds(1));
        }
        return true;
    }

    std::atomic<int> asked_{0};  // looks that ask() was the reason of
    std::atomic<int> due_{0};
    std::function<void()> on_look_;
    Watcher watcher_{"test-watcher"};
};

TEST_F(WatcherTest, LooksAgainAndAgainWhenItIsTime) {
    const auto begin = steady_clock::now();
    start(milliseconds(30), milliseconds(10));
    EXPECT_TRUE(comes_to([&] { return due_ >= 3; }));
    EXPECT_GE(steady_clock::now() - begin, milliseconds(50));
    EXPECT_EQ(asked_, 0);
}

TEST_F(WatcherTest, LooksAtOnceWhenItIsAsked) {
    start(hours(1), hours(1));
    watcher_.ask();
    EXPECT_TRUE(comes_to([&] { return asked_ == 1; }));
    watcher_.ask();
    EXPECT_TRUE(comes_to([&] { return asked_ == 2; }));
    EXPECT_EQ(due_, 0);
}

TEST_F(WatcherTest, WhatWasAskedBeforeTheStartIsNotForgotten) {
    watcher_.ask();
    start(hours(1), hours(1));
    EXPECT_TRUE(comes_to([&] { return asked_ == 1; }));
}

TEST_F(WatcherTest, WhatIsAskedDuringALookLeadsToAnother) {
    on_look_ = [this] {
        if (asked_ == 1) watcher_.ask();
    };
    start(hours(1), hours(1));
    watcher_.ask();
    EXPECT_TRUE(comes_to([&] { return asked_ == 2; }));
}

TEST_F(WatcherTest, StopsAfterTheLookThatIsUnderWay) {
    std::atomic<bool> begun{false};
    std::atomic<bool> ended{false};
    on_look_ = [&] {
        begun = true;
        std::this_thread::sleep_for(milliseconds(50));
        ended = true;
    };
    start(hours(1), hours(1));
    watcher_.ask();
    EXPECT_TRUE(comes_to([&] { return begun.load(); }));
    watcher_.stop();
    EXPECT_TRUE(ended);
    watcher_.ask();
    watcher_.stop();
    EXPECT_EQ(asked_, 1);
}

TEST_F(WatcherTest, OneThatHasNotStartedStops) {
    watcher_.stop();
}

}  // namespace
}  // namespace ringmx::server
