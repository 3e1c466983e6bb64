// A host runs a backend for one core and hides where it runs: on the core's own thread and ring (CoreHost),
// or behind lock-free single-producer single-consumer rings on a storage worker (WorkerHost). All calls come
// from the core's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "storage/backend.hpp"

namespace ringmx::storage {

struct HostCounters {
    std::uint64_t submitted = 0;
    std::uint64_t completed = 0;
    std::uint64_t depth = 0;       // requests now between core and backend
    std::uint64_t queue_full = 0;  // times that a request had to wait for a slot
    std::uint64_t wakes_sent = 0;  // wake-ups of the other side
};

class Host {
 public:
    virtual ~Host() = default;
    virtual BackendTraits traits() const = 0;
    // False: the queue is full; nothing was taken. The caller keeps the request and tries after the next
    // poll.
    virtual bool submit(const StoreRequest& request) = 0;
    // Once at the end of a core's loop: publishes what was submitted, wakes the worker if it sleeps (at most
    // once).
    virtual void flush() = 0;
    // Once at the start of a core's loop: delivers finished requests to the core's sink.
    virtual void poll() = 0;
    // Whether poll() may find something without a wake-up: called before the core sleeps, after which the
    // other side is bound to wake it. Returns true if there is work now (then do not sleep).
    virtual bool prepare_to_sleep() = 0;
    virtual void woke_up() = 0;
    virtual void tick(Now now) = 0;
    virtual bool accepting() const = 0;
    virtual std::uint64_t outstanding() const = 0;
    // The end, with requests outstanding that nobody waits for any more: asks storage to give them up, and
    // waits at most `wait_ns` until it has. True: the host may be destroyed. False: storage does not react;
    // the host and every message that it was given must stay as they are.
    virtual bool abandon(std::int64_t wait_ns) {
        static_cast<void>(wait_ns);
        return outstanding() == 0;
    }
    virtual HostCounters counters() const = 0;
    // A copy of the backend's counters, at most one tick old.
    virtual BackendCounters backend_counters() const = 0;
};

}  // namespace ringmx::storage
