// Time as the engine sees it: one reading per loop, passed by value. Nothing below server/ reads a clock.
#pragma once

#include <cstdint>

namespace ringmx {

struct Now {
    std::int64_t mono_ns = 0;  // CLOCK_MONOTONIC, nanoseconds: durations and deadlines
    std::int64_t wall_us = 0;  // CLOCK_REALTIME, microseconds since 1970: ids, headers and logs
};

// Reads both clocks (about 35 ns). Any thread.
Now read_clock();

constexpr std::int64_t kMsPerSecond = 1'000;
constexpr std::int64_t kUsPerSecond = 1'000'000;
constexpr std::int64_t kNsPerUs = 1'000;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

}  // namespace ringmx
