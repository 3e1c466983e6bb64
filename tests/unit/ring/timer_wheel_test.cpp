// The timer wheel against its contract, and against a plain list of deadlines.
#include "ring/timer_wheel.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::ring {
namespace {

constexpr std::int64_t kTick = 100;
constexpr std::int64_t kRevolution = 1024 * kTick;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::vector<std::uint32_t> fire(TimerWheel& wheel, std::int64_t now) {
    std::vector<std::uint32_t> fired;
    wheel.advance(now, [&](std::uint32_t id) {
        fired.push_back(id);
        return TimerWheel::kDone;
    });
    return fired;
}

TEST(TimerWheel, FiresAtItsTickAndNotBefore) {
    TimerWheel wheel(4, 0, kTick);
    wheel.arm(2, 250);
    EXPECT_TRUE(wheel.armed(2));
    EXPECT_EQ(wheel.next_ns(), 300);
    EXPECT_TRUE(fire(wheel, 299).empty());
    EXPECT_EQ(fire(wheel, 300), std::vector<std::uint32_t>{2});
    EXPECT_FALSE(wheel.armed(2));
    EXPECT_EQ(wheel.next_ns(), kNever);
}

TEST(TimerWheel, DeadlineOnATickFiresOnIt) {
    TimerWheel wheel(1, 0, kTick);
    wheel.arm(0, 300);
    EXPECT_TRUE(fire(wheel, 299).empty());
    EXPECT_EQ(fire(wheel, 300).size(), 1u);
}

TEST(TimerWheel, DeadlineInThePastFiresAtTheNextTick) {
    TimerWheel wheel(1, 1000, kTick);
    wheel.arm(0, 5);
    EXPECT_EQ(wheel.next_ns(), 1100);
    EXPECT_EQ(fire(wheel, 1100).size(), 1u);
}

TEST(TimerWheel, ArmingTwiceKeepsTheFirst) {
    TimerWheel wheel(1, 0, kTick);
    wheel.arm(0, 500);
    wheel.arm(0, 100);
    EXPECT_EQ(wheel.next_ns(), 500);
}

TEST(TimerWheel, CancelledTimerDoesNotFire) {
    TimerWheel wheel(3, 0, kTick);
    for (std::uint32_t id = 0; id < 3; ++id)
        wheel.arm(id, 200);
    wheel.cancel(1);
    wheel.cancel(1);  // no effect
    auto fired = fire(wheel, 1000);
    std::sort(fired.begin(), fired.end());
    EXPECT_EQ(fired, (std::vector<std::uint32_t>{0, 2}));
}

TEST(TimerWheel, LaterDeadlineIsAskedAgainThen) {
    TimerWheel wheel(1, 0, kTick);
    wheel.arm(0, 200);
    std::int64_t asked = 0;
    wheel.advance(200, [&](std::uint32_t) {
        ++asked;
        return std::int64_t{900};
    });
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(wheel.next_ns(), 900);
    EXPECT_TRUE(fire(wheel, 899).empty());
    EXPECT_EQ(fire(wheel, 900).size(), 1u);
}

TEST(TimerWheel, PassedDeadlineReturnedByItsOwnerIsAskedNextTick) {
    TimerWheel wheel(1, 0, kTick);
    wheel.arm(0, 200);
    int asked = 0;
    const auto stubborn = [&](std::uint32_t) {
        ++asked;
        return std::int64_t{200};
    };
    wheel.advance(450, stubborn);
    EXPECT_EQ(asked, 1);
    wheel.advance(450, stubborn);
    EXPECT_EQ(asked, 1);
    wheel.advance(600, stubborn);
    EXPECT_EQ(asked, 2);
}

TEST(TimerWheel, DeadlineBeyondARevolutionDoesNotFireEarly) {
    TimerWheel wheel(1, 0, kTick);
    const std::int64_t deadline = 5 * kRevolution + 50;
    wheel.arm(0, deadline);
    bool fired = false;
    std::int64_t now = 0;
    int asked = 0;
    while (!fired) {
        now = wheel.next_ns();
        ASSERT_LE(now, deadline + kTick);
        wheel.advance(now, [&](std::uint32_t) {
            ++asked;
            if (deadline > now) return deadline;
            fired = true;
            return TimerWheel::kDone;
        });
    }
    EXPECT_GE(now, deadline);
    EXPECT_LT(now, deadline + kTick);
    EXPECT_LE(asked, 7);
}

TEST(TimerWheel, LongPauseFiresEverythingOnce) {
    TimerWheel wheel(2000, 0, kTick);
    for (std::uint32_t id = 0; id < 2000; ++id)
        wheel.arm(id, id * kTick);
    EXPECT_EQ(fire(wheel, 1'000'000 * kRevolution).size(), 2000u);
    EXPECT_EQ(wheel.next_ns(), kNever);
}

// After a long pause every slot is visited: a timer that is armed again meanwhile must not be asked a second
// time.
TEST(TimerWheel, EachTimerIsAskedOncePerCallAfterALongPause) {
    for (const std::int64_t pause :
         {kRevolution - kTick, kRevolution, kRevolution + kTick, 40 * kRevolution}) {
        TimerWheel wheel(1024, 0, kTick);
        for (std::uint32_t id = 0; id < 1024; ++id)
            wheel.arm(id, id * kTick);
        std::map<std::uint32_t, int> asked;
        wheel.advance(pause, [&](std::uint32_t id) {
            ++asked[id];
            return id % 2 == 0 ? pause + 3 * kRevolution : pause + 1;
        });
        for (const auto& [id, count] : asked)
            ASSERT_EQ(count, 1) << "id " << id << " pause " << pause;
        EXPECT_EQ(wheel.next_ns(), pause + kTick);
    }
}

TEST(TimerWheel, CallbackMayCancelAndArmOthersThatAreDue) {
    TimerWheel wheel(4, 0, kTick);
    for (std::uint32_t id = 0; id < 4; ++id)
        wheel.arm(id, 100);
    std::vector<std::uint32_t> asked;
    wheel.advance(100, [&](std::uint32_t id) {
        asked.push_back(id);
        for (std::uint32_t other = 0; other < 4; ++other)
            wheel.cancel(other);
        wheel.arm((id + 1) % 4, 100);
        return TimerWheel::kDone;
    });
    EXPECT_EQ(asked.size(), 1u);
    EXPECT_EQ(fire(wheel, 200), std::vector<std::uint32_t>{(asked[0] + 1) % 4});
}

TEST(TimerWheel, CallbackMayArmItself) {
    TimerWheel wheel(1, 0, kTick);
    wheel.arm(0, 100);
    wheel.advance(100, [&](std::uint32_t id) {
        wheel.arm(id, 700);
        return std::int64_t{300};
    });
    EXPECT_EQ(wheel.next_ns(), 700);
}

TEST(TimerWheel, ClockThatStandsStillOrGoesBackFiresNothing) {
    TimerWheel wheel(1, 1000, kTick);
    wheel.arm(0, 1100);
    EXPECT_TRUE(fire(wheel, 1000).empty());
    EXPECT_TRUE(fire(wheel, 0).empty());
    EXPECT_EQ(fire(wheel, 1100).size(), 1u);
}

// Random arming, cancelling, postponing and pausing; the model is a map of deadlines.
TEST(TimerWheel, AgreesWithAListOfDeadlines) {
    constexpr std::uint32_t ids = 64;
    std::mt19937_64 random(1);
    TimerWheel wheel(ids, 0, kTick);
    std::map<std::uint32_t, std::int64_t> model;
    std::int64_t now = 0;
    for (int step = 0; step < 50'000; ++step) {
        const auto id = static_cast<std::uint32_t>(random() % ids);
        const std::int64_t far =
            static_cast<std::int64_t>(random() % (random() % 8 == 0 ? 3 * kRevolution : 50 * kTick));
        switch (random() % 4) {
            case 0:
                if (!model.contains(id)) model[id] = now + far;
                wheel.arm(id, now + far);
                break;
            case 1:
                model.erase(id);
                wheel.cancel(id);
                break;
            case 2:
                if (model.contains(id)) model[id] = std::max(model[id], now + far);  // only ever moved later
                break;
            default:
                now += random() % 64 == 0 ? far : static_cast<std::int64_t>(random() % (3 * kTick));
                wheel.advance(now, [&](std::uint32_t due) {
                    EXPECT_TRUE(model.contains(due));
                    if (model[due] > now) return model[due];
                    model.erase(due);
                    return TimerWheel::kDone;
                });
                for (const auto& [other, deadline] : model) {
                    ASSERT_GT(deadline, now - kTick) << other;  // late by less than a tick
                    ASSERT_TRUE(wheel.armed(other));
                }
        }
        std::int64_t earliest = kNever;
        for (const auto& [other, deadline] : model)
            earliest = std::min(earliest, deadline);
        ASSERT_LE(wheel.next_ns(), earliest == kNever ? kNever : std::max(earliest, now) + kTick);
    }
}

}  // namespace
}  // namespace ringmx::ring
