// When messages are due follows from the rate alone.
#include "schedule.hpp"

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::uint64_t due_until(Schedule& schedule, std::int64_t time_ns) {
    return schedule.take_until(time_ns);
}

TEST(Schedule, EvenArrivalsAreEvenlySpaced) {
    Schedule schedule(100, 0, Arrivals::even, 1, 1.0, 5 * kSecond, 15 * kSecond);
    for (int i = 1; i < 1000; ++i) {
        EXPECT_NEAR(static_cast<double>(schedule.next_ns()), 5e9 + i * 1e7, 10) << i;
        schedule.take();
    }
    EXPECT_EQ(schedule.next_ns(), Schedule::kNever) << "none at the end or later";
}

TEST(Schedule, ThreadsTakeTurns) {
    Schedule first(50, 0, Arrivals::even, 1, 0.5, 0, kSecond);
    Schedule second(50, 0, Arrivals::even, 1, 1.0, 0, kSecond);
    EXPECT_NEAR(static_cast<double>(first.next_ns()), 1e7, 10);
    EXPECT_NEAR(static_cast<double>(second.next_ns()), 2e7, 10);
}

TEST(Schedule, PoissonArrivalsHaveTheRateAndItsSpread) {
    Schedule schedule(1000, 0, Arrivals::poisson, 3, 1.0, 0, 100 * kSecond);
    std::uint64_t all = 0;
    double squares = 0;
    for (int second = 1; second <= 100; ++second) {
        const auto count = static_cast<double>(due_until(schedule, second * kSecond - 1));
        all += static_cast<std::uint64_t>(count);
        squares += (count - 1000) * (count - 1000);
    }
    EXPECT_NEAR(static_cast<double>(all), 100000, 1500);  // five standard deviations are 1581
    EXPECT_GT(squares / 100, 400);                        // the variance is 1000; even arrivals have about 0
    EXPECT_LT(squares / 100, 2000);
    EXPECT_EQ(schedule.next_ns(), Schedule::kNever);
}

TEST(Schedule, RampGrowsInAStraightLine) {
    Schedule schedule(1000, 10, Arrivals::even, 1, 1.0, 0, 20 * kSecond);
    EXPECT_NEAR(static_cast<double>(due_until(schedule, 5 * kSecond)), 1250,
                2);  // a quarter of a full ramp's
    EXPECT_NEAR(static_cast<double>(due_until(schedule, 10 * kSecond)), 3750, 2);  // 5000 in the whole ramp
    EXPECT_NEAR(static_cast<double>(due_until(schedule, 15 * kSecond)), 5000, 2);
}

}  // namespace
}  // namespace ringmx::load
