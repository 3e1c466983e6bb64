// The two clocks in one reading.
#include "base/clock.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace ringmx {
namespace {

TEST(Clock, MonotonicTimeNeverFalls) {
    std::int64_t last = read_clock().mono_ns;
    for (int i = 0; i < 10'000; ++i) {
        const std::int64_t now = read_clock().mono_ns;
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(Clock, WallTimeIsThatOfTheSystemInMicroseconds) {
    const auto system_us = [] {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    };
    const std::int64_t before = system_us();
    const std::int64_t wall = read_clock().wall_us;
    const std::int64_t day_us =
        86'400 * kUsPerSecond;  // a step of the clock between the readings is no failure
    EXPECT_GT(wall, before - day_us);
    EXPECT_LT(wall, before + day_us);
}

}  // namespace
}  // namespace ringmx
