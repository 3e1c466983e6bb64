// Backoff: how long to wait before the next attempt: twice as long each time, from a least to a most, and a
// quarter more or less by chance, so that what failed together is not tried together. No clock of its own.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ringmx::storage::delivery {

struct Backoff {
    std::int64_t least_ns = 0;
    std::int64_t most_ns = 0;

    // Before attempt number `failed` + 1. `random`: any number.
    std::int64_t delay_ns(std::uint32_t failed, std::uint64_t random) const {
        std::int64_t delay = least_ns;
        for (std::uint32_t i = 1; i < failed && delay < most_ns; ++i)
            delay *= 2;
        delay = std::min(delay, most_ns);
        const std::int64_t quarter = delay / 4;
        if (quarter == 0) return delay;
        return delay - quarter +
               static_cast<std::int64_t>(random % static_cast<std::uint64_t>(2 * quarter + 1));
    }
};

}  // namespace ringmx::storage::delivery
