// The core's end of a storage worker: a Host whose backend runs on the worker's thread. Made by
// StorageWorker::attach().
#pragma once

#include <memory>

#include "storage/host.hpp"
#include "storage/worker_shared.hpp"

namespace ringmx::storage {

class WorkerHost final : public Host {
 public:
    WorkerHost(std::shared_ptr<WorkerShared> shared, std::shared_ptr<WorkerLink> link, ring::Ring& core_ring,
               StoreSink& core_sink);
    // On the core's thread. Waits until the worker has finished every request of this core; reports that were
    // not polled are dropped.
    ~WorkerHost() override;

    BackendTraits traits() const override { return shared_->traits; }
    bool submit(const StoreRequest& request) override;
    void flush() override;
    void poll() override;
    bool prepare_to_sleep() override;
    void woke_up() override;
    void tick(Now) override {}  // the worker has its own
    // A full queue is no place for more mail: it would cost memory, and wait for long.
    bool accepting() const override {
        return outstanding() < outstanding_max() && shared_->accepting.load(std::memory_order_relaxed);
    }
    std::uint64_t outstanding() const override { return submitted_ - completed_; }
    bool abandon(std::int64_t wait_ns) override;
    HostCounters counters() const override;
    BackendCounters backend_counters() const override { return shared_->relayed_counters(); }

 private:
    std::uint64_t outstanding_max() const;
    bool ask_to_leave();

    std::shared_ptr<WorkerShared> shared_;
    std::shared_ptr<WorkerLink> link_;
    StoreSink& sink_;
    WakePort port_;
    std::uint32_t worker_target_;
    std::uint64_t submitted_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t queue_full_ = 0;
};

}  // namespace ringmx::storage
