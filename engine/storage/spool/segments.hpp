// SegmentTable: the segments of a running shard, from ready to recycled, and who still needs each of them.
//
// A segment is, in this order: ready (prepared, empty), active (being written), sealed (written no more),
// closed (its footer is on disk), leaving (being recycled or removed). A message holds one reference on every
// segment from the one of its first frame to the one of its last, from the moment a frame is placed until a
// consumer acknowledges it, or it fails or is aborted. A closed segment without references may be recycled.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "storage/spool/acks.hpp"
#include "storage/spool/replay.hpp"

namespace ringmx::storage::spool {

struct LiveSegment {
    enum class State : std::uint8_t { ready, active, sealed, closed, leaving };
    State state = State::ready;
    bool poisoned = false;   // a write failed: nothing in flight on it is acknowledged
    bool right_size = true;  // its file has the configured size: worth recycling
    std::uint64_t sequence = 0;
    std::uint32_t frames_end = 0;   // where the footer's block begins
    std::uint32_t write_at = 0;     // next free block
    std::uint32_t durable_end = 0;  // acknowledged
    std::uint32_t batches = 0;      // in flight
    std::uint32_t references = 0;
    int file = -1;
    std::uint64_t previous = 0;              // the segment written before this one
    std::uint32_t previous_durable_end = 0;  // as far as known
    AckSet acks;
    std::uint64_t acks_bytes = 0;      // of the ack file, taken in
    std::vector<Span> spans;           // messages committed here that began in an earlier segment
    std::vector<std::uint64_t> needs;  // earlier segments that must outlive this one (SegmentSummary::needs)
};

class SegmentTable {
 public:
    // Adds one behind all others: sequences rise.
    LiveSegment& add(std::uint64_t sequence);
    LiveSegment* find(std::uint64_t sequence);
    // Forgets one that nobody refers to. `gone`: durably; else its name may come back at the next start, and
    // what it needs must stay until then.
    void erase(std::uint64_t sequence, bool gone);

    LiveSegment* active() const { return active_; }
    // Seals the active segment, if there is one, and makes the oldest ready one active. False: none is ready;
    // then nothing has changed.
    bool roll();
    // The active segment is written no more.
    void seal_active();
    std::size_t ready_count() const;

    // References of one message on all segments in (after, last] and on [first, last].
    void reference(std::uint64_t after, std::uint64_t last);
    void release(std::uint64_t first, std::uint64_t last);

    // A message that began in an earlier segment was committed at this place.
    void note_span(LiveSegment& segment, std::uint32_t offset, std::uint64_t first);
    // A commit frame's message failed: gives back its references, unless a consumer has acknowledged it
    // already. Segments before the commit frame's stay for as long as that one does.
    void withdraw(LiveSegment& segment, std::uint32_t offset, std::uint64_t first);
    // A consumer is done with the message. Harmless when repeated.
    void acknowledge(LiveSegment& segment, std::uint32_t offset);

    const std::vector<std::unique_ptr<LiveSegment>>& all() const { return segments_; }

 private:
    using Iterator = std::vector<std::unique_ptr<LiveSegment>>::iterator;
    Iterator lower_bound(std::uint64_t sequence);
    static std::uint64_t take_span(LiveSegment& segment, std::uint32_t offset);

    std::vector<std::unique_ptr<LiveSegment>> segments_;  // ascending
    LiveSegment* active_ = nullptr;
    std::uint64_t last_active_ = 0;
};

}  // namespace ringmx::storage::spool
