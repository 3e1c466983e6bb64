// Clocks of the generator: the monotonic one, and what a thread has used and waited for a CPU.
#pragma once

#include <cstdint>

namespace ringmx::load {

std::int64_t monotonic_ns();

struct ThreadTime {
    std::int64_t wall_ns = 0;
    std::int64_t cpu_ns = 0;     // on a CPU
    std::int64_t queued_ns = 0;  // ready to run, while others had the CPU (0 where the kernel does not say)

    ThreadTime since(const ThreadTime& before) const {
        return {wall_ns - before.wall_ns, cpu_ns - before.cpu_ns, queued_ns - before.queued_ns};
    }
};

// Of the calling thread, from /proc/thread-self/schedstat and its CPU clock.
ThreadTime thread_time();

}  // namespace ringmx::load
