#include "storage/spool/batch.hpp"

#include <sys/mman.h>

#include "base/assert.hpp"

namespace ringmx::storage::spool {

Batch::Batch() {
    // Untouched pages of the mapping cost nothing: small batches use its first pages only.
    void* memory = ::mmap(nullptr, limits::spool_batch_bytes_max, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RMX_ASSERT(memory != MAP_FAILED);
    buffer_ = static_cast<std::byte*>(memory);
    entries.reserve(1024);
}

Batch::~Batch() {
    RMX_ASSERT(!op.in_flight);
    ::munmap(buffer_, limits::spool_batch_bytes_max);
}

void Batch::begin(LiveSegment& segment, std::uint32_t offset, std::uint32_t frames_end) {
    RMX_ASSERT(!op.in_flight && offset % kBlockBytes == 0 && frames_end % kBlockBytes == 0);
    segment_ = &segment;
    begin_ = position_ = offset;
    frames_end_ = frames_end;
    buffer_used_ = piece_begin_ = 0;
    piece_count_ = 0;
    last_.reset();
    entries.clear();
    done = failed = false;
}

Batch::Fit Batch::fit(const Chunk* chunk) const {
    const std::size_t payload = chunk == nullptr ? 0 : chunk->payload().size();
    RMX_ASSERT(payload <= kPayloadBytesMax);
    std::size_t begin = position_;
    std::size_t end = align_up(begin + kFrameHeaderBytes + payload, kFrameAlignment);
    if (written_in_place(payload)) {
        begin = align_up(begin, kBlockBytes);
        end = align_up(begin + kFrameHeaderBytes + payload, kBlockBytes);
    }
    if (end > frames_end_) return Fit::segment_full;
    return align_up(end, kBlockBytes) - begin_ > limits::spool_batch_bytes_max ? Fit::batch_full : Fit::yes;
}

// The header of the last frame, now that it is known where the next one starts.
void Batch::seal_last(bool at_block) {
    if (!last_) return;
    if (at_block) last_->flags |= frame_flags::next_at_block;
    encode_frame_header(*last_, last_at_);
    last_.reset();
}

void Batch::close_buffer_piece() {
    if (buffer_used_ == piece_begin_) return;
    const std::size_t padded = align_up(buffer_used_, kBlockBytes);
    std::memset(buffer_ + buffer_used_, 0, padded - buffer_used_);
    RMX_ASSERT(piece_count_ < pieces_.size());
    pieces_[piece_count_++] = {buffer_ + piece_begin_, padded - piece_begin_};
    buffer_used_ = piece_begin_ = padded;
    position_ = static_cast<std::uint32_t>(align_up(position_, kBlockBytes));
}

std::uint32_t Batch::add(FrameHeader header, Chunk* chunk) {
    const std::size_t payload = chunk == nullptr ? 0 : chunk->payload().size();
    const bool in_place = written_in_place(payload);
    seal_last(in_place);
    if (in_place) close_buffer_piece();
    header.offset = position_;
    header.payload_bytes = static_cast<std::uint32_t>(payload);
    header.payload_crc = payload == 0 ? 0 : chunk->crc;
    const std::size_t frame = kFrameHeaderBytes + payload;
    last_ = header;
    if (!in_place) {
        const std::size_t aligned = align_up(frame, kFrameAlignment);
        RMX_ASSERT(buffer_used_ + aligned <= limits::spool_batch_bytes_max);
        last_at_ = buffer_ + buffer_used_;
        if (payload != 0) std::memcpy(last_at_ + kFrameHeaderBytes, chunk->payload().data(), payload);
        std::memset(last_at_ + frame, 0, aligned - frame);
        buffer_used_ += aligned;
        position_ += static_cast<std::uint32_t>(aligned);
        return header.offset;
    }
    const std::size_t padded = align_up(frame, kBlockBytes);
    RMX_ASSERT(chunk->begin == kFrameHeaderBytes && padded <= chunk->capacity);
    std::memset(chunk->memory + frame, 0, padded - frame);
    last_at_ = chunk->memory;
    seal_last(true);
    RMX_ASSERT(piece_count_ < pieces_.size());
    pieces_[piece_count_++] = {chunk->memory, padded};
    position_ += static_cast<std::uint32_t>(padded);
    return header.offset;
}

void Batch::finish() {
    seal_last(true);
    close_buffer_piece();
    RMX_ASSERT(position_ % kBlockBytes == 0 && position_ <= frames_end_);
    op.kind = DiskOp::Kind::write_durable;
    op.offset = begin_;
    op.bytes = position_ - begin_;
    op.pieces = pieces_.data();
    op.piece_count = piece_count_;
}

}  // namespace ringmx::storage::spool
