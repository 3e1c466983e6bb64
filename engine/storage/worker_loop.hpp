// The storage worker's thread: what runs between its start and its end.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "storage/worker_shared.hpp"

namespace ringmx::storage {

class WorkerLoop final : public StoreSink {
 public:
    explicit WorkerLoop(std::shared_ptr<WorkerShared> shared) : shared_(std::move(shared)) {}

    // Makes the ring, the wake port and the backend, on the calling thread.
    Status open(const BackendFactory& factory);
    // Until stopped and done.
    void run();

    void part_done(Message* message, Chunk* chunk, StoreStatus status) override;
    void message_done(Message* message, StoreStatus status, std::string_view text) override;

 private:
    void look_at_links();
    void release_leaving();
    void end_links();
    void take_requests();
    void tick_if_due();
    void publish_reports();
    bool finished() const;
    bool has_work() const;
    void sleep();
    void report(const StoreReport& report);
    void relay();

    std::shared_ptr<WorkerShared> shared_;
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<WakePort> port_;
    std::unique_ptr<Backend> backend_;
    std::vector<std::shared_ptr<WorkerLink>> links_;  // by lane, null: free
    std::vector<StoreRequest> batch_;
    std::uint64_t version_ = 0;
    Now now_;
    std::int64_t next_tick_ns_ = 0;
    bool leaving_ = false;  // some link is
    bool stopping_ = false;
    bool gave_up_ = false;
};

}  // namespace ringmx::storage
