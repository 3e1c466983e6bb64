// Crashes by the thousand: every seed is one run of CrashWorld. RINGMX_SEED=n runs one seed, RINGMX_SEEDS=n
// that many.
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "crash_world.hpp"

namespace ringmx::storage::spool {
namespace {

// Sanitizers make a run about ten times slower; ThreadSanitizer, which has one thread to watch here, a
// hundred times.
#if defined(RINGMX_TEST_THREAD_SANITIZER)
constexpr std::uint64_t kSeeds = 30;
#elif defined(RINGMX_TEST_SANITIZER)
constexpr std::uint64_t kSeeds = 1'000;
#else
constexpr std::uint64_t kSeeds = 10'000;
#endif

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SpoolCrash, AcknowledgedMessagesSurviveEveryPowerCutWholeAndOnce) {
    const std::uint64_t one = number_of("RINGMX_SEED", 0);
    const std::uint64_t first = one != 0 ? one : 1;
    const std::uint64_t last = one != 0 ? one : number_of("RINGMX_SEEDS", kSeeds);
    test::CrashWorld::totals = {};
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        test::CrashWorld world(seed);
        ASSERT_EQ(world.run(), "") << "repeat with RINGMX_SEED=" << seed;
    }
    const test::CrashTotals& totals = test::CrashWorld::totals;
    std::printf(
        "%llu seeds: %llu lives, %llu messages submitted, %llu stored, %llu failed, %llu aborted, %llu "
        "consumed, "
        "%llu torn ends, %llu recoveries cut off\n",
        static_cast<unsigned long long>(last - first + 1), static_cast<unsigned long long>(totals.lives),
        static_cast<unsigned long long>(totals.submitted), static_cast<unsigned long long>(totals.stored),
        static_cast<unsigned long long>(totals.failed), static_cast<unsigned long long>(totals.aborted),
        static_cast<unsigned long long>(totals.consumed), static_cast<unsigned long long>(totals.torn_ends),
        static_cast<unsigned long long>(totals.recoveries_cut_off));
    if (one != 0) return;
    // The runs must have been about something.
    EXPECT_GT(totals.stored, last);
    EXPECT_GT(totals.consumed, last / 2);
    EXPECT_GT(totals.torn_ends, last / 10);
    EXPECT_GT(totals.failed, last / 100);
    EXPECT_GT(totals.recoveries_cut_off, last / 10);
}

}  // namespace
}  // namespace ringmx::storage::spool
