// The table that all cores share: exact counts, also when several threads open and end connections of the
// same clients; bounded, and open when it is full.
#include "admission/shared_counts.hpp"

#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::admission {
namespace {

using Verdict = SharedCounts::Verdict;
constexpr std::int64_t kNow = 5'000 * kNsPerSecond;

std::uint64_t key(std::uint64_t number) {  // as good as a hash (splitmix64)
    number += 0x9e3779b97f4a7c15;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

TEST(SharedCounts, CountsConnectionsAtATime) {
    SharedCounts counts(1024);
    const auto first = counts.enter(key(1), 2, 0, kNow);
    const auto second = counts.enter(key(1), 2, 0, kNow);
    ASSERT_EQ(first.verdict, Verdict::admitted);
    ASSERT_EQ(second.verdict, Verdict::admitted);
    EXPECT_EQ(first.index, second.index);
    EXPECT_EQ(counts.open(first.index), 2u);
    EXPECT_EQ(counts.enter(key(1), 2, 0, kNow).verdict, Verdict::too_many);
    EXPECT_EQ(counts.enter(key(2), 2, 0, kNow).verdict, Verdict::admitted) << "another client";
    counts.leave(first.index);
    EXPECT_EQ(counts.enter(key(1), 2, 0, kNow).verdict, Verdict::admitted);
}

TEST(SharedCounts, HoldsTheRateOfNewConnectionsEvenWhenTheyEndAtOnce) {
    SharedCounts counts(1024);
    const std::uint32_t interval = SharedCounts::Rate::interval(10);
    for (int i = 0; i < 10; ++i) {
        const auto entered = counts.enter(key(1), 0, interval, kNow);
        ASSERT_EQ(entered.verdict, Verdict::admitted) << i;
        counts.leave(entered.index);
    }
    EXPECT_EQ(counts.enter(key(1), 0, interval, kNow).verdict, Verdict::too_fast);
    EXPECT_EQ(counts.enter(key(1), 0, interval, kNow + 7 * kNsPerSecond).verdict, Verdict::admitted);
}

TEST(SharedCounts, ASweepForgetsNothingThatStillCounts) {
    SharedCounts counts(64);
    const std::uint32_t interval = SharedCounts::Rate::interval(1);
    const auto open = counts.enter(key(1), 1, 0, kNow);
    const auto fast = counts.enter(key(2), 0, interval, kNow);
    counts.leave(fast.index);
    counts.sweep(0, 64, kNow + 30 * kNsPerSecond);
    EXPECT_EQ(counts.enter(key(1), 1, 0, kNow).verdict, Verdict::too_many);
    EXPECT_EQ(counts.enter(key(2), 0, interval, kNow + 30 * kNsPerSecond).verdict, Verdict::too_fast);
    counts.leave(open.index);
    counts.sweep(0, 64, kNow + 61 * kNsPerSecond);
    EXPECT_EQ(counts.enter(key(2), 0, interval, kNow + 61 * kNsPerSecond).verdict, Verdict::admitted);
}

// A connection that stays for days: its bucket must not look full when the clock has wrapped around.
TEST(SharedCounts, SweepsKeepOldEntriesTrue) {
    SharedCounts counts(64);
    const std::uint32_t interval = SharedCounts::Rate::interval(1);
    ASSERT_EQ(counts.enter(key(1), 0, interval, kNow).verdict, Verdict::admitted);
    constexpr std::int64_t step_ns = limits::admission_sweep_ticks * 250 * kNsPerMs;
    for (std::int64_t now = kNow + 2 * step_ns; now < kNow + 4000 * kNsPerSecond; now += step_ns) {
        counts.sweep(0, 64, now);
        SharedCounts::Entered entered = counts.enter(key(1), 2, SharedCounts::Rate::interval(60000), now);
        ASSERT_EQ(entered.verdict, Verdict::admitted) << (now - kNow) / kNsPerSecond;
        counts.leave(entered.index);
    }
}

TEST(SharedCounts, IsOpenWhenItIsFullAndNeverGrows) {
    SharedCounts counts(256);
    std::vector<std::uint32_t> entered;
    std::uint64_t next = 0;
    int refused = 0;
    for (; refused < 50; ++next) {
        const auto one = counts.enter(key(next), 1, 0, kNow);
        if (one.verdict == Verdict::no_room) {
            EXPECT_EQ(one.index, kNowhere);
            ++refused;
        } else {
            ASSERT_EQ(one.verdict, Verdict::admitted);
            entered.push_back(one.index);
        }
        ASSERT_LT(next, 1000u);
    }
    EXPECT_GT(entered.size(), 256u * 85 / 100) << "most of it can be used";
    for (const std::uint32_t index : entered)
        counts.leave(index);
    for (std::uint64_t i = 1000; i < 1100; ++i)
        EXPECT_EQ(counts.enter(key(i), 1, 0, kNow).verdict, Verdict::admitted) << "idle entries are reused";
}

TEST(SharedCounts, ThreadsTogetherNeverPassTheLimitAndLoseNoCount) {
    SharedCounts counts(1024);
    constexpr std::uint32_t kMost = 5;
    constexpr std::uint64_t kClients = 20;
    std::array<std::atomic<int>, kClients> open{};
    std::atomic<bool> passed{false};
    for (std::uint64_t client = 0; client < kClients; ++client)  // so that nobody meets a new one
        ASSERT_EQ(counts.enter(key(client), 0, 0, kNow).verdict, Verdict::admitted);
    const auto work = [&](unsigned seed) {
        std::minstd_rand random(seed);
        std::vector<std::pair<std::uint64_t, std::uint32_t>> mine;
        for (int i = 0; i < 50000; ++i) {
            if (random() % 2 == 0 || mine.empty()) {
                const std::uint64_t client = random() % kClients;
                const auto entered = counts.enter(key(client), kMost + 1, 0, kNow);
                if (entered.verdict != Verdict::admitted) continue;
                if (++open[client] > static_cast<int>(kMost)) passed = true;
                mine.emplace_back(client, entered.index);
            } else {
                const auto [client, index] = mine.back();
                mine.pop_back();
                --open[client];
                counts.leave(index);
            }
        }
        for (const auto& [client, index] : mine) {
            --open[client];
            counts.leave(index);
        }
    };
    std::thread other(work, 1);
    work(2);
    other.join();
    EXPECT_FALSE(passed);
    for (std::uint64_t client = 0; client < kClients; ++client) {
        const auto entered = counts.enter(key(client), 2, 0, kNow);
        ASSERT_EQ(entered.verdict, Verdict::admitted) << client;
        EXPECT_EQ(counts.open(entered.index), 2u) << client;
    }
}

TEST(SharedCounts, ThreadsThatComeAndGoLeaveNothingBehind) {
    SharedCounts counts(64);
    const auto work = [&](unsigned seed) {
        std::minstd_rand random(seed);
        for (int i = 0; i < 100000; ++i) {
            const auto entered = counts.enter(key(random() % 40), 3, 0, kNow);
            if (i % 64 == 0) counts.sweep(0, 64, kNow);
            if (entered.verdict == Verdict::admitted) counts.leave(entered.index);
        }
    };
    std::thread other(work, 3);
    work(4);
    other.join();
    for (std::uint32_t index = 0; index < 64; ++index)
        EXPECT_EQ(counts.open(index), 0u) << index;
}

}  // namespace
}  // namespace ringmx::admission
