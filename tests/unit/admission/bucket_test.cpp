// A bucket lets a minute's worth through at once and then the rate, whatever its clock has wrapped around.
#include "admission/bucket.hpp"

#include <gtest/gtest.h>

namespace ringmx::admission {
namespace {

using Wide = Bucket<32, 16000>;
using Narrow = Bucket<22, 4000>;

template <typename B>
class BucketOf : public ::testing::Test {};
using Buckets = ::testing::Types<Wide, Narrow>;
TYPED_TEST_SUITE(BucketOf, Buckets);

TYPED_TEST(BucketOf, AMinutesWorthAtOnceAndThenTheRate) {
    using B = TypeParam;
    const std::uint32_t interval = B::interval(60);
    std::int64_t now_ns = 1'000 * kNsPerSecond;
    std::uint32_t empty_at = B::ticks(now_ns);
    for (int i = 0; i < 60; ++i)
        EXPECT_TRUE(B::take(empty_at, B::ticks(now_ns), interval)) << i;
    EXPECT_FALSE(B::take(empty_at, B::ticks(now_ns), interval));
    for (int second = 1; second <= 10; ++second) {
        now_ns += kNsPerSecond;
        EXPECT_TRUE(B::fits(empty_at, B::ticks(now_ns), interval));
        EXPECT_TRUE(B::take(empty_at, B::ticks(now_ns), interval)) << second;
        EXPECT_FALSE(B::take(empty_at, B::ticks(now_ns), interval)) << second;
        EXPECT_FALSE(B::fits(empty_at, B::ticks(now_ns), interval));
    }
}

TYPED_TEST(BucketOf, WhatIsRefusedCostsNothing) {
    using B = TypeParam;
    const std::uint32_t interval = B::interval(1);
    std::uint32_t empty_at = 0;
    ASSERT_TRUE(B::take(empty_at, 0, interval));
    const std::uint32_t before = empty_at;
    for (std::uint32_t now = 0; now < 100; ++now)
        EXPECT_FALSE(B::take(empty_at, now, interval));
    EXPECT_EQ(empty_at, before);
    EXPECT_TRUE(B::take(empty_at, B::kFull, interval)) << "one a minute";
}

TYPED_TEST(BucketOf, ManyEventsOverAnHourAreTheRateAndOneMinuteMore) {
    using B = TypeParam;
    for (const std::uint32_t rate : {1u, 7u, 60u, 1000u, 60000u}) {
        const std::uint32_t interval = B::interval(rate);
        std::uint32_t empty_at = 0;
        std::uint64_t taken = 0;
        for (std::int64_t ms = 0; ms < 3'600'000; ms += 20) {
            for (int i = 0; i < 100 && B::take(empty_at, B::ticks(ms * kNsPerMs), interval); ++i)
                ++taken;
        }
        EXPECT_GE(taken, rate * 60u) << rate;
        EXPECT_LE(taken, rate * 61u * 102 / 100) << rate << ": an interval is a whole number of ticks";
    }
}

TYPED_TEST(BucketOf, TheClockMayWrapAround) {
    using B = TypeParam;
    const std::uint32_t interval = B::interval(2);
    const std::uint32_t now = B::kMask - 10;
    std::uint32_t empty_at = now;
    EXPECT_TRUE(B::take(empty_at, now, interval));
    EXPECT_TRUE(B::take(empty_at, now, interval));
    EXPECT_FALSE(B::take(empty_at, now, interval));
    EXPECT_FALSE(B::take(empty_at, 5, interval));
    EXPECT_TRUE(B::take(empty_at, (now + B::kFull / 2) & B::kMask, interval));
}

TYPED_TEST(BucketOf, IsEmptyAgainAfterAMinuteAndStaysSoForItsRange) {
    using B = TypeParam;
    std::uint32_t empty_at = 0;
    while (B::take(empty_at, 0, B::interval(10))) {
    }
    EXPECT_EQ(B::level(empty_at, 0), B::kFull);
    EXPECT_EQ(B::level(empty_at, B::kFull), 0u);
    const std::int64_t left_alone_ns = B::kRangeNs - kNsPerSecond;
    EXPECT_EQ(B::level(0, B::ticks(left_alone_ns)), 0u);
}

TYPED_TEST(BucketOf, NoRateIsNoLimit) {
    using B = TypeParam;
    EXPECT_EQ(B::interval(0), 0u);
    std::uint32_t empty_at = 0;
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(B::take(empty_at, 0, 0));
    EXPECT_EQ(empty_at, 0u);
    EXPECT_GT(B::interval(limits::admission_rate_max), 0u) << "the highest rate is one";
}

}  // namespace
}  // namespace ringmx::admission
