// One run of the load: what its threads share.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "acks.hpp"
#include "options.hpp"
#include "plan.hpp"
#include "stats.hpp"

namespace ringmx::load {

// Times are CLOCK_MONOTONIC in ns. Set once by the main thread before the start gate opens.
struct Times {
    std::int64_t start_ns = 0;    // the load begins
    std::int64_t measure_ns = 0;  // the window begins: behind the ramp and the warm-up
    std::int64_t end_ns = 0;      // no message begins (or is due) from here on; far away without a duration
};

struct Shared {
    Shared(const Options& run_options, const Plan& run_plan, std::uint64_t id)
        : options(run_options), plan(run_plan), run_id(id) {}

    const Options& options;
    const Plan& plan;
    std::uint64_t run_id;                 // in the tails of unique mails
    std::atomic<std::uint64_t> taken{0};  // messages begun, of options.messages
    std::atomic<bool> stop{false};        // SIGINT, or nothing answers: begin no more, end soon
    std::atomic<bool> go{false};          // the start gate; `times` is set before
    std::atomic<std::uint32_t> ready{0};  // threads that have opened their connections
    std::atomic<std::uint32_t> ended{0};  // threads without a message under way, and none to come
    Times times;
    Series series;
    AckWriter* acks = nullptr;
    std::mutex mutex;  // of `error`
    std::condition_variable thread_ended;
    std::string error;  // why the run was given up; empty: it was not

    void end_thread() {
        ended.fetch_add(1);
        const std::lock_guard lock(mutex);
        thread_ended.notify_one();
    }
    // Until all threads have ended, or for `ns`. True: they have.
    bool wait_for_end(std::size_t threads, std::int64_t ns) {
        std::unique_lock lock(mutex);
        return thread_ended.wait_for(lock, std::chrono::nanoseconds(ns),
                                     [&] { return ended.load() >= threads; });
    }
    void give_up(const std::string& why) {
        const std::lock_guard lock(mutex);
        if (error.empty()) error = why;
        stop.store(true, std::memory_order_relaxed);
    }
};

}  // namespace ringmx::load
