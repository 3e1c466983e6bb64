// A storage worker: a thread with a ring and a backend of its own that serves the cores attached to it.
//
// Order of life: start(); each core attach()es on its own thread; cores drain; each core's Host is destroyed
// on its thread (this waits until the worker has finished what it had of that core); stop(). A worker that
// has been stopped takes nothing any more. Hosts may be destroyed after stop(), too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "ring/ring.hpp"
#include "storage/backend.hpp"
#include "storage/host.hpp"

namespace ringmx::storage {

// Called on the worker's thread, with its ring and the sink for its reports.
using BackendFactory = std::function<Result<std::unique_ptr<Backend>>(ring::Ring&, StoreSink&)>;

struct WorkerOptions {
    std::string name = "ringmx-store";  // of the thread; 15 octets are shown
    ring::RingOptions ring = {
        .submission_entries = 1024, .completion_entries = 8192, .files_max = 0, .restricted = true};
    std::uint32_t queue_entries = limits::store_queue_entries;  // per core and direction; a power of two
    std::uint32_t outstanding_max = 0;        // requests of a core at once; 0: queue_entries
    int pin_to = -1;                          // CPU; -1: not pinned
    bool message_ring = true;                 // KernelFeatures::message_ring
    std::int64_t tick_ns = kNsPerSecond / 4;  // between two calls of Backend::tick()
};

struct WorkerShared;

class StorageWorker {
 public:
    // Starts the thread and opens the backend on it; the error of either.
    static Result<std::unique_ptr<StorageWorker>> start(const WorkerOptions& options, BackendFactory factory);
    ~StorageWorker();  // stop()
    StorageWorker(const StorageWorker&) = delete;
    StorageWorker& operator=(const StorageWorker&) = delete;

    // A host for one core; on that core's thread, with its ring and sink, which outlive the host.
    Result<std::unique_ptr<Host>> attach(ring::Ring& core_ring, StoreSink& core_sink);

    // What its backend is. Any thread.
    BackendTraits traits() const;

    // Finishes every request that was published, closes the backend, ends the thread. Not on a core's thread.
    // A worker that a host has abandoned without success is not waited for: its thread goes on until the
    // process ends, and what its backend uses must stay, too: then the answer is false.
    bool stop();

 private:
    StorageWorker() = default;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ringmx::storage
