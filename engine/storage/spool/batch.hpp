// Batch: one write to a segment: the frames that arrived while the write before was in flight.
//
// Starts at a block boundary of the segment and ends at one. Small frames are copied into the batch's own
// buffer; large ones are written from their chunk, whose headroom takes the header, as pieces of the same
// vectored write. Reused for ever; allocates nothing after construction but when a batch has more frames than
// any before it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.hpp"
#include "message/message.hpp"
#include "storage/spool/disk.hpp"
#include "storage/spool/format.hpp"

namespace ringmx::storage::spool {

struct LiveSegment;

// What to answer when the batch is durable.
struct BatchEntry {
    Message* message = nullptr;
    Chunk* part = nullptr;  // of a part request
    bool commit = false;    // the commit frame
    std::uint32_t offset = 0;
};

class Batch {
 public:
    Batch();
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    // Empties it and aims it at the segment's next free block.
    void begin(LiveSegment& segment, std::uint32_t offset, std::uint32_t frames_end);

    enum class Fit : std::uint8_t { yes, batch_full, segment_full };
    // Whether a frame with the chunk's payload (null: no payload) fits behind what is there.
    Fit fit(const Chunk* chunk) const;
    // Adds the frame: fills in header.offset, header.payload_bytes and header.payload_crc, the rest is the
    // caller's. Returns the frame's offset in the segment. Only after fit() said yes.
    std::uint32_t add(FrameHeader header, Chunk* chunk);
    // Pads to the block and completes `op` (pieces, offset, bytes) for writing.
    void finish();

    bool empty() const { return entries.empty(); }
    std::uint32_t end() const { return position_; }  // after finish(): a block boundary
    LiveSegment* segment() const { return segment_; }

    DiskOp op;
    std::vector<BatchEntry> entries;
    bool done = false;
    bool failed = false;

 private:
    static bool written_in_place(std::size_t payload_bytes) { return payload_bytes >= kInPlaceBytesMin; }
    void seal_last(bool at_block);
    void close_buffer_piece();

    // Below this a copy is cheaper than the padding to whole blocks on both sides.
    static constexpr std::size_t kInPlaceBytesMin = 32u << 10;
    // Every frame written in place may have a buffer piece before it; and one closes the batch.
    static constexpr std::size_t kPiecesMax = 2 * limits::spool_batch_bytes_max / kInPlaceBytesMin + 1;

    std::byte* buffer_ = nullptr;
    std::size_t buffer_used_ = 0;
    std::size_t piece_begin_ = 0;  // of the open buffer piece
    LiveSegment* segment_ = nullptr;
    std::uint32_t begin_ = 0;
    std::uint32_t position_ = 0;  // in the segment, of the next frame
    std::uint32_t frames_end_ = 0;
    std::optional<FrameHeader> last_;  // its header is written when it is known what follows
    std::byte* last_at_ = nullptr;
    std::array<iovec, kPiecesMax> pieces_{};
    std::uint32_t piece_count_ = 0;
};

}  // namespace ringmx::storage::spool
