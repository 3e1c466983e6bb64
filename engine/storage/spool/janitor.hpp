// Janitor: a running shard's housekeeping, one disk operation at a time, beside the writing of mail: writes
// footers, prepares segments ahead with zeros, recycles or removes those that nobody needs, and takes in
// consumers' acks.
//
// Zeros are paced: a log write waits for its octets to reach the medium, and on most disks for whatever else
// was written before it. So a segment is prepared over the time in which half of one is filled, or some
// seconds when no mail comes, and at full speed only when the stock would run out.
//
// Crash-safe at every step; the orders that matter (docs/spool-format.md gives the reasons):
// - A prepared file is synced before it is renamed to a segment's name, and the directory is synced before it
// is used.
// - Every name carries a sequence number that was never used before, given when the rename begins.
// - The ack file of a segment is removed after the directory says durably that the segment is gone.
// - Acks count only after they are durable: the ack file and the directory are synced between reading and
// counting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "storage/spool/disk.hpp"
#include "storage/spool/segments.hpp"

namespace ringmx::storage::spool {

class Janitor final : public DiskClient {
 public:
    struct Setup {
        std::uint64_t tag = 0;
        std::uint64_t segment_bytes = 0;
        std::uint64_t min_free_bytes = 0;
        std::uint64_t next_sequence = 1;
    };
    Janitor(Disk& disk, SegmentTable& segments, const Setup& setup);
    ~Janitor();
    Janitor(const Janitor&) = delete;
    Janitor& operator=(const Janitor&) = delete;

    // Starts the next job if it is idle and there is one. Cheap otherwise.
    void work();
    // Segments were sealed or settled: there may be a job again.
    void nudge() { quiet_ = false; }
    // So many octets of log are on their way to the disk.
    void log_grew(std::uint64_t bytes);
    void tick(Now now);
    // From now on only footers are written.
    void finish_up() { closing_ = true; }
    bool idle() const { return step_ == Step::idle && !paused(); }

    // Free space is below the configured least.
    bool space_low() const { return free_bytes_ < setup_.min_free_bytes; }
    std::uint64_t free_bytes() const { return free_bytes_; }
    // No segment is being prepared, and none will be before something changes: space or the disk's health.
    bool stuck() const { return prepare_failed_ || !space_for_segment(); }
    std::uint64_t errors() const { return errors_; }

 private:
    enum class Step : std::uint8_t {
        idle,
        footer_write,  // a sealed segment: footer, then its file is closed
        footer_close,
        recycle_rename,  // a segment that nobody needs becomes a ready one
        recycle_sync,
        recycle_drop_acks,
        recycle_open,
        remove_log,  // or is removed
        remove_sync,
        remove_acks,
        create,  // a new segment
        allocate,
        zero,
        zero_sync,
        name,
        name_sync,
        abandon_close,  // what failed half way
        abandon_remove,
        acks_open,  // consumers' acks of one segment
        acks_read,
        acks_sync,
        acks_sync_directory,
        acks_close,
    };

    void disk_done(DiskOp& op, std::int64_t result) override;
    void footer_done(std::int64_t result);
    void recycle_done(std::int64_t result);
    void remove_done(std::int64_t result);
    void prepare_done(std::int64_t result);
    void acks_done(std::int64_t result);

    bool start_footer();
    bool start_recycle_or_remove();
    bool start_prepare();
    bool start_acks();
    void write_zeros();
    bool paused() const { return paused_file_ >= 0; }
    void pause();
    void resume();
    bool urgent() const;
    bool zeros_wait() const { return !urgent() && allowed_ < next_zeros(); }
    std::uint64_t next_zeros() const;
    void read_acks();
    void take_acks();
    void abandon();
    void become_ready(int file);
    void go(Step step, DiskOp::Kind kind);
    void back_off();
    void stay();
    bool space_for_segment() const { return free_bytes_ >= setup_.min_free_bytes + setup_.segment_bytes; }

    Disk& disk_;
    SegmentTable& segments_;
    Setup setup_;
    Step step_ = Step::idle;
    bool quiet_ = false;  // there was no job, and nothing has happened since
    bool closing_ = false;
    bool prepare_failed_ = false;
    std::uint64_t errors_ = 0;
    std::uint64_t free_bytes_ = 0;
    std::int64_t now_ns_ = 0;
    std::int64_t retry_ns_ = 0;       // no preparing and recycling before, after a failure
    std::int64_t next_space_ns_ = 0;  // when to look at the free space again
    std::int64_t next_acks_ns_ = 0;   // when the next round over the ack files may begin
    std::uint64_t acks_after_ = 0;    // the round has done the segments up to this one
    bool acks_round_ = false;

    DiskOp op_;
    iovec piece_{};
    int file_ = -1;               // of the job
    std::uint64_t sequence_ = 0;  // the job's segment
    std::uint64_t zeroed_ = 0;    // bytes of it written with zeros
    std::string name_;
    std::string new_name_;
    // A segment whose zeros wait for their turn, while other jobs are done.
    int paused_file_ = -1;  // or none does
    std::string paused_name_;
    std::uint64_t allowed_ = 0;    // zeros that may be written now
    std::byte* footer_ = nullptr;  // one block
    std::vector<std::byte> acks_;  // read buffer
    std::size_t acks_read_ = 0;
};

}  // namespace ringmx::storage::spool
