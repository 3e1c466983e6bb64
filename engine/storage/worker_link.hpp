// What a core and a storage worker share: a pair of queues, a flag on which the core sleeps, and how to wake
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/event_fd.hpp"
#include "storage/backend.hpp"
#include "storage/sleep_flag.hpp"
#include "storage/spsc_queue.hpp"
#include "storage/wake_port.hpp"

namespace ringmx::storage {

struct StoreReport {
    Message* message = nullptr;
    Chunk* chunk = nullptr;  // part_done; null: message_done
    StoreStatus status = StoreStatus::stored;
    std::string_view text;
};

// Requests outstanding are never more than the queues have entries, so a report always finds room.
struct WorkerLink {
    explicit WorkerLink(std::uint32_t queue_entries) : requests(queue_entries), reports(queue_entries) {}

    SpscQueue<StoreRequest> requests;  // core to worker
    SpscQueue<StoreReport> reports;    // worker to core
    alignas(kCacheLinePair) SleepFlag core_sleep;

    // Set before the worker learns of the link, constant thereafter.
    EventFd core_event;
    WakeAddress core_address;
    std::uint32_t lane = 0;

    // The core leaves: it asks, the worker finishes what it has of this core, and answers. No other order is
    // safe: the core's messages and its ring go next.
    std::atomic<bool> leaving{false};
    std::atomic<bool> left{false};

    // The worker's own.
    alignas(kCacheLinePair) std::uint64_t outstanding = 0;
    std::uint32_t wake_target = 0;
};

}  // namespace ringmx::storage
