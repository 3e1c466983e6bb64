#include "storage/spool/janitor.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/mman.h>

#include "base/assert.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr std::size_t kReadyMin = 2;                 // prepared segments to have in stock
constexpr std::size_t kReadyMax = 6;                 // more than that are removed rather than recycled
constexpr std::size_t kZeroBytes = 1u << 20;         // one write of zeros when they are urgent
constexpr std::size_t kPacedZeroBytes = 256u << 10;  // else
constexpr std::uint64_t kZerosPerOctet = 2;  // of log, so that a segment is ready when half of one is full
constexpr std::uint64_t kZerosPerTick = 2u << 20;   // beside that, so that one is also ready if no mail comes
constexpr std::uint64_t kZerosSavedMax = 4u << 20;  // no more than this at once
constexpr std::size_t kAckReadBytes = 16u << 10;    // one read of an ack file
constexpr std::int64_t kRetryNs = kNsPerSecond;     // after a failure
constexpr std::int64_t kSpaceNs = kNsPerSecond;     // between looks at the free space
constexpr std::int64_t kAcksRoundNs = kNsPerSecond;  // between rounds over the ack files, at least

std::byte* map_pages(std::size_t bytes, int protection) {
    void* memory = ::mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RMX_ASSERT(memory != MAP_FAILED);
    return static_cast<std::byte*>(memory);
}

// Zeros to prepare segments with; never written to, so they are all one page of the kernel's.
std::byte* zeros() {
    static std::byte* const pages = map_pages(kZeroBytes, PROT_READ);
    return pages;
}

}  // namespace

Janitor::Janitor(Disk& disk, SegmentTable& segments, const Setup& setup)
    : disk_(disk),
      segments_(segments),
      setup_(setup),
      footer_(map_pages(kFooterBytes, PROT_READ | PROT_WRITE)),
      acks_(kAckReadBytes) {
    op_.client = this;
    op_.pieces = &piece_;
    name_.reserve(kNameOctetsMax);
    new_name_.reserve(kNameOctetsMax);
    paused_name_.reserve(kNameOctetsMax);
    const auto space = disk_.free_bytes();
    free_bytes_ = space.ok() ? *space : 0;
}

Janitor::~Janitor() {
    RMX_ASSERT(!op_.in_flight);
    ::munmap(footer_, kFooterBytes);
}

void Janitor::tick(Now now) {
    now_ns_ = now.mono_ns;
    quiet_ = false;
    allowed_ = std::min(allowed_ + kZerosPerTick, kZerosSavedMax);
    if (now_ns_ >= next_space_ns_) {
        next_space_ns_ = now_ns_ + kSpaceNs;
        const auto space = disk_.free_bytes();
        if (space.ok()) {
            free_bytes_ = *space;
        } else {
            ++errors_;
        }
    }
    if (!acks_round_ && now_ns_ >= next_acks_ns_) {
        acks_round_ = true;
        acks_after_ = 0;
        next_acks_ns_ = now_ns_ + kAcksRoundNs;
    }
    work();
}

void Janitor::log_grew(std::uint64_t bytes) {
    allowed_ = std::min(allowed_ + kZerosPerOctet * bytes, kZerosSavedMax);
    if (paused()) quiet_ = false;
}

void Janitor::work() {
    if (quiet_ || step_ != Step::idle) return;
    if (start_footer()) return;
    if (closing_ && paused()) {
        resume();
        abandon();
        return;
    }
    if (!closing_ && (start_recycle_or_remove() || start_prepare() || start_acks())) return;
    quiet_ = true;
}

void Janitor::go(Step step, DiskOp::Kind kind) {
    step_ = step;
    op_.kind = kind;
    op_.file = file_;
    op_.name = name_.c_str();
    op_.new_name = new_name_.c_str();
    disk_.start(op_);
}

void Janitor::back_off() {
    ++errors_;
    retry_ns_ = now_ns_ + kRetryNs;
}

void Janitor::disk_done(DiskOp&, std::int64_t result) {
    switch (step_) {
        case Step::idle:
            RMX_ASSERT(false);
            break;
        case Step::footer_write:
        case Step::footer_close:
            footer_done(result);
            break;
        case Step::recycle_rename:
        case Step::recycle_sync:
        case Step::recycle_drop_acks:
        case Step::recycle_open:
            recycle_done(result);
            break;
        case Step::remove_log:
        case Step::remove_sync:
        case Step::remove_acks:
            remove_done(result);
            break;
        case Step::create:
        case Step::allocate:
        case Step::zero:
        case Step::zero_sync:
        case Step::name:
        case Step::name_sync:
        case Step::abandon_close:
        case Step::abandon_remove:
            prepare_done(result);
            break;
        case Step::acks_open:
        case Step::acks_read:
        case Step::acks_sync:
        case Step::acks_sync_directory:
        case Step::acks_close:
            acks_done(result);
            break;
    }
    work();
}

// --- footers
// -----------------------------------------------------------------------------------------------------

bool Janitor::start_footer() {
    for (const auto& segment : segments_.all()) {
        if (segment->state != LiveSegment::State::sealed || segment->batches != 0) continue;
        sequence_ = segment->sequence;
        file_ = segment->file;
        FrameHeader footer;
        footer.kind = FrameKind::footer;
        footer.tag = setup_.tag;
        footer.segment = sequence_;
        footer.offset = segment->frames_end;
        footer.durable_end = segment->durable_end;
        footer.previous_segment = segment->previous;
        footer.previous_durable_end = segment->previous_durable_end;
        encode_frame_header(footer, footer_);
        piece_ = {footer_, kFooterBytes};
        op_.piece_count = 1;
        op_.offset = segment->frames_end;
        op_.bytes = kFooterBytes;
        go(Step::footer_write, DiskOp::Kind::write_durable);
        return true;
    }
    return false;
}

void Janitor::footer_done(std::int64_t result) {
    if (step_ == Step::footer_write) {
        // Without its footer the segment is still read right: the next one's frames say how far it was
        // acknowledged.
        if (result != static_cast<std::int64_t>(kFooterBytes)) ++errors_;
        go(Step::footer_close, DiskOp::Kind::close);
        return;
    }
    LiveSegment* segment = segments_.find(sequence_);
    segment->file = -1;
    segment->state = LiveSegment::State::closed;
    step_ = Step::idle;
}

// --- recycling
// -----------------------------------------------------------------------------------------------------

bool Janitor::start_recycle_or_remove() {
    if (now_ns_ < retry_ns_) return false;
    for (const auto& segment : segments_.all()) {
        if (segment->state != LiveSegment::State::closed || segment->references != 0) continue;
        sequence_ = segment->sequence;
        put_segment_name(name_, sequence_);
        file_ = -1;
        segment->state = LiveSegment::State::leaving;
        // A file that failed a write is not trusted again.
        if (!segment->right_size || segment->poisoned || segments_.ready_count() >= kReadyMax) {
            go(Step::remove_log, DiskOp::Kind::remove);
        } else {
            put_segment_name(new_name_, setup_.next_sequence++);
            go(Step::recycle_rename, DiskOp::Kind::rename);
        }
        return true;
    }
    return false;
}

// The job's segment could not leave: it is tried again later.
void Janitor::stay() {
    back_off();
    segments_.find(sequence_)->state = LiveSegment::State::closed;
}

void Janitor::recycle_done(std::int64_t result) {
    switch (step_) {
        case Step::recycle_rename:
            if (result < 0) {  // nothing has changed; the sequence number is lost
                stay();
                step_ = Step::idle;
                return;
            }
            go(Step::recycle_sync, DiskOp::Kind::sync_directory);
            return;
        case Step::recycle_sync:
            segments_.erase(sequence_, result >= 0);
            if (result < 0) {  // either name may survive a crash; both are harmless while the ack file stays
                back_off();
                name_ = new_name_;
                abandon();
                return;
            }
            put_acks_name(name_, sequence_);
            go(Step::recycle_drop_acks, DiskOp::Kind::remove);
            return;
        case Step::recycle_drop_acks:  // if it stays, the next start removes it
            name_ = new_name_;
            go(Step::recycle_open, DiskOp::Kind::open_segment);
            return;
        default:
            if (result < 0) {
                back_off();
                abandon();
                return;
            }
            become_ready(static_cast<int>(result));
            return;
    }
}

void Janitor::remove_done(std::int64_t result) {
    switch (step_) {
        case Step::remove_log:
            if (result < 0 && result != -ENOENT) {
                stay();
                step_ = Step::idle;
                return;
            }
            go(Step::remove_sync, DiskOp::Kind::sync_directory);
            return;
        case Step::remove_sync:
            segments_.erase(sequence_, result >= 0);
            if (result < 0) {
                back_off();
                step_ = Step::idle;
                return;
            }
            put_acks_name(name_, sequence_);
            go(Step::remove_acks, DiskOp::Kind::remove);
            return;
        default:
            step_ = Step::idle;
            return;
    }
}

// `name_` is the name of a prepared file whose sequence number is the highest in use.
void Janitor::become_ready(int file) {
    const auto sequence = parse_segment_name(name_);
    RMX_ASSERT(sequence.has_value());
    LiveSegment& segment = segments_.add(*sequence);
    segment.frames_end = static_cast<std::uint32_t>(setup_.segment_bytes - kFooterBytes);
    segment.file = file;
    prepare_failed_ = false;
    file_ = -1;
    step_ = Step::idle;
}

// --- preparing
// -----------------------------------------------------------------------------------------------------

bool Janitor::start_prepare() {
    if (paused()) {
        if (zeros_wait()) return false;
        resume();
        write_zeros();
        return true;
    }
    if (now_ns_ < retry_ns_ || !space_for_segment() || segments_.ready_count() >= kReadyMin) return false;
    put_preparation_name(name_, setup_.next_sequence++);
    zeroed_ = 0;
    file_ = -1;
    go(Step::create, DiskOp::Kind::create_segment);
    return true;
}

// Nothing is ready, and what is in use is nearly full.
bool Janitor::urgent() const {
    if (segments_.ready_count() != 0) return false;
    const LiveSegment* active = segments_.active();
    return active == nullptr || active->frames_end - active->write_at < setup_.segment_bytes / 4;
}

std::uint64_t Janitor::next_zeros() const {
    return std::min<std::uint64_t>(urgent() ? kZeroBytes : kPacedZeroBytes, setup_.segment_bytes - zeroed_);
}

void Janitor::pause() {
    paused_file_ = std::exchange(file_, -1);
    paused_name_ = name_;
    step_ = Step::idle;
}

void Janitor::resume() {
    file_ = std::exchange(paused_file_, -1);
    name_ = paused_name_;
}

void Janitor::write_zeros() {
    if (zeros_wait()) {
        pause();
        return;
    }
    const std::uint64_t bytes = next_zeros();
    allowed_ -= std::min(allowed_, bytes);
    piece_ = {zeros(), bytes};
    op_.piece_count = 1;
    op_.offset = zeroed_;
    op_.bytes = bytes;
    go(Step::zero, DiskOp::Kind::write);
}

void Janitor::prepare_done(std::int64_t result) {
    const bool may_fail = (step_ == Step::allocate && result == -EOPNOTSUPP) ||
                          step_ == Step::abandon_close || step_ == Step::abandon_remove;
    if (result < 0 && !may_fail) {
        prepare_failed_ = true;
        back_off();
        if (step_ == Step::name_sync) name_ = new_name_;
        if (step_ == Step::create) {
            step_ = Step::idle;
        } else {
            abandon();
        }
        return;
    }
    if (closing_ && step_ == Step::zero) {
        abandon();
        return;
    }
    switch (step_) {
        case Step::create:
            file_ = static_cast<int>(result);
            op_.offset = 0;
            op_.bytes = setup_.segment_bytes;
            go(Step::allocate, DiskOp::Kind::allocate);
            return;
        case Step::allocate:
            write_zeros();
            return;
        case Step::zero:
            // Whole blocks only: a short write goes on where it ended, and one that writes nothing is a full
            // disk.
            zeroed_ += static_cast<std::uint64_t>(result) / kBlockBytes * kBlockBytes;
            if (result < static_cast<std::int64_t>(kBlockBytes)) {
                prepare_failed_ = true;
                back_off();
                abandon();
            } else if (zeroed_ < setup_.segment_bytes) {
                write_zeros();
            } else {
                go(Step::zero_sync, DiskOp::Kind::sync);
            }
            return;
        case Step::zero_sync:
            put_segment_name(new_name_, setup_.next_sequence++);
            go(Step::name, DiskOp::Kind::rename);
            return;
        case Step::name:
            go(Step::name_sync, DiskOp::Kind::sync_directory);
            return;
        case Step::name_sync:
            name_ = new_name_;
            become_ready(file_);
            return;
        case Step::abandon_close:
            file_ = -1;
            go(Step::abandon_remove, DiskOp::Kind::remove);
            return;
        default:
            step_ = Step::idle;
            return;
    }
}

// Closes and removes the job's file, whatever state it is in; what cannot be removed, the next start removes.
void Janitor::abandon() {
    if (file_ >= 0) {
        go(Step::abandon_close, DiskOp::Kind::close);
    } else {
        go(Step::abandon_remove, DiskOp::Kind::remove);
    }
}

// --- acks
// ------------------------------------------------------------------------------------------------------------

bool Janitor::start_acks() {
    if (!acks_round_) return false;
    for (const auto& segment : segments_.all()) {
        if (segment->sequence <= acks_after_ || segment->references == 0) continue;
        sequence_ = acks_after_ = segment->sequence;
        put_acks_name(name_, sequence_);
        file_ = -1;
        go(Step::acks_open, DiskOp::Kind::open_read);
        return true;
    }
    acks_round_ = false;
    return false;
}

void Janitor::read_acks() {
    piece_ = {acks_.data(), acks_.size()};
    op_.piece_count = 1;
    op_.offset = segments_.find(sequence_)->acks_bytes;
    op_.bytes = acks_.size();
    go(Step::acks_read, DiskOp::Kind::read);
}

// The records that were read are durable now.
void Janitor::take_acks() {
    LiveSegment* segment = segments_.find(sequence_);
    segment->acks_bytes += for_each_ack({acks_.data(), acks_read_}, sequence_, [&](std::uint32_t offset) {
        segments_.acknowledge(*segment, offset);
    });
}

void Janitor::acks_done(std::int64_t result) {
    if (step_ == Step::acks_open) {
        if (result < 0) {  // most often: no message of the segment was acknowledged yet
            if (result != -ENOENT) ++errors_;
            step_ = Step::idle;
            return;
        }
        file_ = static_cast<int>(result);
        read_acks();
        return;
    }
    if (step_ == Step::acks_close) {
        file_ = -1;
        step_ = Step::idle;
        return;
    }
    if (result < 0) ++errors_;
    const bool nothing_new = step_ == Step::acks_read && result < static_cast<std::int64_t>(kAckRecordBytes);
    if (result < 0 || nothing_new) {
        go(Step::acks_close, DiskOp::Kind::close);
    } else if (step_ == Step::acks_read) {
        acks_read_ = static_cast<std::size_t>(result);
        const bool good = for_each_ack({acks_.data(), acks_read_}, sequence_, [](std::uint32_t) {}) > 0;
        if (good) {
            go(Step::acks_sync, DiskOp::Kind::sync);
        } else {
            go(Step::acks_close, DiskOp::Kind::close);
        }
    } else if (step_ == Step::acks_sync) {
        go(Step::acks_sync_directory, DiskOp::Kind::sync_directory);
    } else {
        take_acks();
        read_acks();
    }
}

}  // namespace ringmx::storage::spool
