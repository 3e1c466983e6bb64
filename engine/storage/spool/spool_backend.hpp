// SpoolBackend: one shard of the spool, written by its host thread. Group commit: a batch is whatever arrived
// while the batches before it were in flight; no timer delays anything.
//
// The rules of acknowledging:
// - A message is stored when the batch of its commit frame and every batch before it are durable.
// - Batches are acknowledged in log order, whatever order the disk finishes them in.
// - A batch that fails poisons its segment: nothing in flight on it is acknowledged, nothing is written to it
// again
//   but its footer, and the next segment takes over. A failed write is never repeated.
// One thread. No allocation per message in steady state.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/backend.hpp"
#include "storage/spool/batch.hpp"
#include "storage/spool/janitor.hpp"
#include "storage/spool/segments.hpp"

namespace ringmx::storage::spool {

// What a shard starts from; of Spool::open().
struct ShardStart {
    std::uint32_t shard = 0;
    std::uint64_t tag = 0;
    std::uint64_t segment_bytes = 0;
    std::uint64_t min_free_bytes = 0;
    std::uint64_t next_sequence = 1;       // never used before, nor any above it
    std::vector<SegmentSummary> segments;  // with data, or to be recycled
    std::vector<std::uint64_t> ready;      // prepared and empty, above all of `segments`
};

class SpoolBackend final : public Backend, private DiskClient {
 public:
    // Blocking, for the start: opens the ready segments.
    static Result<std::unique_ptr<SpoolBackend>> create(ShardStart start, std::unique_ptr<Disk> disk,
                                                        StoreSink& sink);
    ~SpoolBackend() override;
    SpoolBackend(const SpoolBackend&) = delete;
    SpoolBackend& operator=(const SpoolBackend&) = delete;

    BackendTraits traits() const override;
    void submit(std::span<const StoreRequest> batch) override;
    void flush() override;
    void tick(Now now) override;
    bool accepting() const override;
    void close() override;
    std::uint64_t outstanding() const override { return outstanding_; }
    const BackendCounters& counters() const override { return counters_; }

    // Batches that had to wait for a segment being prepared.
    std::uint64_t stalls() const { return stalls_; }
    const SegmentTable& segments() const { return segments_; }

 private:
    // A request in the queue; `chunk` is the next to be written.
    struct Pending {
        StoreOp op = StoreOp::commit;
        Message* message = nullptr;
        Chunk* chunk = nullptr;
    };

    SpoolBackend(const ShardStart& start, std::unique_ptr<Disk> disk, StoreSink& sink);
    void adopt(SegmentSummary& summary, std::uint64_t segment_bytes);

    void disk_done(DiskOp& op, std::int64_t result) override;
    void settle(Batch& batch);
    void settle_entry(const BatchEntry& entry, LiveSegment& segment, bool durable);

    bool gather(Batch& batch);
    enum class Place : std::uint8_t { done, batch_full, segment_full };
    Place place(Pending& request, Batch& batch);
    void add_frame(Batch& batch, Pending& request, Chunk* chunk);
    FrameHeader frame_template(const LiveSegment& segment) const;
    bool roll();
    void close_files();
    void refuse_pending();

    void begin_end(Message& message, StoreStatus status);
    void end_if_idle(Message& message);
    void report_part(Message* message, Chunk* part, StoreStatus status);
    void report_message(Message& message, StoreStatus status);
    void push(const Pending& request);
    void pop() { ++pending_head_; }
    bool has_pending() const { return pending_head_ != pending_tail_; }
    Pending& front() { return pending_[pending_head_ & (pending_.size() - 1)]; }

    std::unique_ptr<Disk> disk_;
    StoreSink& sink_;
    std::uint64_t tag_;
    SegmentTable segments_;
    Janitor janitor_;
    std::array<Batch, limits::spool_batches_in_flight> batches_;
    std::uint64_t batch_head_ = 0;  // oldest in flight; index modulo the array
    std::uint64_t batch_tail_ = 0;
    std::vector<Pending> pending_;  // ring; its size is a power of two
    std::uint64_t pending_head_ = 0;
    std::uint64_t pending_tail_ = 0;
    std::uint64_t outstanding_ = 0;
    std::uint64_t stalls_ = 0;
    std::uint64_t write_errors_ = 0;
    bool flushing_ = false;
    BackendCounters counters_;
};

}  // namespace ringmx::storage::spool
