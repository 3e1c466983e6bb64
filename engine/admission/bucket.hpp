// A rate a minute as a bucket that runs full (GCRA, the generic cell rate algorithm): each event fills it for
// `interval`, it empties with the time, and what would pass one minute does not fit. So a client that was
// quiet may have a minute's worth at once, and then as many as the rate says; within any minute at most twice
// the rate.
//
// All that is kept of a bucket is when it will be empty, as a number of ticks modulo 2^kBits. A bucket that
// was empty for half of that range would look full again: tables are swept more often than that.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/limits.hpp"

namespace ringmx::admission {

template <unsigned kBits, std::uint32_t kTicksPerSecond>
struct Bucket {
    static constexpr std::uint32_t kMask =
        kBits == 32 ? ~std::uint32_t{0} : (std::uint32_t{1} << (kBits % 32)) - 1;
    static constexpr std::uint32_t kFull = 60 * kTicksPerSecond;  // one minute
    // How long the table may leave a bucket alone.
    static constexpr std::int64_t kRangeNs = (std::int64_t{kMask} - kFull) / kTicksPerSecond * kNsPerSecond;

    static std::uint32_t ticks(std::int64_t now_ns) {
        return static_cast<std::uint32_t>(now_ns / (kNsPerSecond / kTicksPerSecond)) & kMask;
    }
    // 0, no limit, if the rate is 0.
    static constexpr std::uint32_t interval(std::uint32_t rate_per_minute) {
        return rate_per_minute == 0 ? 0 : kFull / rate_per_minute;
    }
    // How much of it is in use.
    static std::uint32_t level(std::uint32_t empty_at, std::uint32_t now) {
        const std::uint32_t ahead = (empty_at - now) & kMask;
        return ahead <= kFull ? ahead : 0;
    }
    static bool fits(std::uint32_t empty_at, std::uint32_t now, std::uint32_t interval) {
        return level(empty_at, now) + interval <= kFull;
    }
    // Takes one event; false, and nothing is changed: it does not fit.
    static bool take(std::uint32_t& empty_at, std::uint32_t now, std::uint32_t interval) {
        const std::uint32_t filled = level(empty_at, now) + interval;
        if (filled > kFull) return false;
        empty_at = (now + filled) & kMask;
        return true;
    }
};

}  // namespace ringmx::admission
