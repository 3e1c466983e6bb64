#include "thread_clock.hpp"

#include <cstdio>
#include <ctime>

namespace ringmx::load {
namespace {

std::int64_t clock_ns(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::int64_t monotonic_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}

ThreadTime thread_time() {
    ThreadTime time{clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_THREAD_CPUTIME_ID), 0};
    if (std::FILE* const file = std::fopen("/proc/thread-self/schedstat", "re"); file != nullptr) {
        long long run = 0;
        long long queued = 0;
        if (std::fscanf(file, "%lld %lld", &run, &queued) == 2) time.queued_ns = queued;
        std::fclose(file);
    }
    return time;
}

}  // namespace ringmx::load
