// What all parties to one storage worker share: the worker's thread, the hosts on the cores, and whoever
// starts and stops it. Held by shared_ptr, so that no party can outlive it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/backend.hpp"
#include "storage/sleep_flag.hpp"
#include "storage/storage_worker.hpp"
#include "storage/worker_link.hpp"

namespace ringmx::storage {

struct WorkerShared {
    explicit WorkerShared(const WorkerOptions& given) : options(given) {}

    const WorkerOptions options;
    alignas(kCacheLinePair) SleepFlag worker_sleep;

    // Set before start() returns, constant thereafter.
    EventFd worker_event;
    WakeAddress worker_address;
    BackendTraits traits;

    // Attaching, leaving and stopping: rare, so under a lock; the worker looks when the version has changed.
    std::mutex mutex;
    std::vector<std::shared_ptr<WorkerLink>> links;  // by lane; null: free
    bool ended = false;                              // the worker's thread looks at nothing any more
    std::atomic<std::uint64_t> version{0};
    std::atomic<bool> stop{false};
    std::atomic<bool> give_up{false};  // the cores wait no longer: Backend::give_up()
    std::atomic<bool> stuck{false};    // it did not help: nobody waits for the worker's thread

    // Written by the worker, read by the hosts; at most one tick old.
    std::atomic<bool> accepting{false};
    void relay(const BackendCounters& counters) {
        const std::array<std::uint64_t, kRelayed> values = {
            counters.messages_stored, counters.messages_failed, counters.bytes_stored, counters.batches,
            counters.io_errors,       counters.bytes_free,      counters.segments};
        for (std::size_t i = 0; i < kRelayed; ++i)
            relayed[i].store(values[i], std::memory_order_relaxed);
    }
    BackendCounters relayed_counters() const {
        BackendCounters counters;
        counters.messages_stored = relayed[0].load(std::memory_order_relaxed);
        counters.messages_failed = relayed[1].load(std::memory_order_relaxed);
        counters.bytes_stored = relayed[2].load(std::memory_order_relaxed);
        counters.batches = relayed[3].load(std::memory_order_relaxed);
        counters.io_errors = relayed[4].load(std::memory_order_relaxed);
        counters.bytes_free = relayed[5].load(std::memory_order_relaxed);
        counters.segments = relayed[6].load(std::memory_order_relaxed);
        return counters;
    }

 private:
    static constexpr std::size_t kRelayed = 7;
    static_assert(sizeof(BackendCounters) == kRelayed * sizeof(std::uint64_t));
    std::array<std::atomic<std::uint64_t>, kRelayed> relayed{};
};

}  // namespace ringmx::storage
