#include "storage/spool/spool_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "storage/spool/message_state.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr std::size_t kPendingInitial = 1024;

std::string_view text_of(StoreStatus status) {
    switch (status) {
        case StoreStatus::stored:
        case StoreStatus::aborted:
            return {};
        case StoreStatus::full:
            return "spool is full";
        case StoreStatus::retry:
            return "spool write failed";
        case StoreStatus::reject:
            return "refused by the spool";
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<SpoolBackend>> SpoolBackend::create(ShardStart start, std::unique_ptr<Disk> disk,
                                                           StoreSink& sink) {
    RMX_ASSERT(start.segment_bytes % kBlockBytes == 0);
    RMX_ASSERT(start.segment_bytes >= limits::chunk_large_bytes + kFooterBytes);
    std::unique_ptr<SpoolBackend> backend(new SpoolBackend(start, std::move(disk), sink));
    for (SegmentSummary& summary : start.segments)
        backend->adopt(summary, start.segment_bytes);
    for (const std::uint64_t sequence : start.ready) {
        const auto file = backend->disk_->open_now(segment_name(sequence).c_str());
        if (!file) {
            backend->close_files();
            return file.error();
        }
        LiveSegment& segment = backend->segments_.add(sequence);
        segment.frames_end = static_cast<std::uint32_t>(start.segment_bytes - kFooterBytes);
        segment.file = *file;
    }
    return backend;
}

SpoolBackend::SpoolBackend(const ShardStart& start, std::unique_ptr<Disk> disk, StoreSink& sink)
    : disk_(std::move(disk)),
      sink_(sink),
      tag_(start.tag),
      janitor_(*disk_, segments_,
               {start.tag, start.segment_bytes, start.min_free_bytes, start.next_sequence}),
      pending_(kPendingInitial) {
    for (Batch& batch : batches_) {
        batch.op.client = this;
    }
    counters_.bytes_free = janitor_.free_bytes();
}

SpoolBackend::~SpoolBackend() = default;

// A segment of an earlier run.
void SpoolBackend::adopt(SegmentSummary& summary, std::uint64_t segment_bytes) {
    LiveSegment& segment = segments_.add(summary.sequence);
    segment.state = LiveSegment::State::closed;
    segment.right_size = summary.file_bytes == segment_bytes;
    segment.durable_end = segment.write_at = summary.end;
    segment.references = summary.live;
    segment.acks = std::move(summary.acks);
    segment.acks_bytes = summary.acks_bytes;
    segment.spans = std::move(summary.spans);
    segment.needs = std::move(summary.needs);
}

BackendTraits SpoolBackend::traits() const {
    return {.name = "spool", .durability = Durability::machine, .streams = true, .blocking = false};
}

// --- taking requests
// ---------------------------------------------------------------------------------------------------

void SpoolBackend::push(const Pending& request) {
    if (pending_tail_ - pending_head_ == pending_.size()) {
        std::vector<Pending> larger(pending_.size() * 2);
        for (std::uint64_t at = pending_head_; at != pending_tail_; ++at) {
            larger[at & (larger.size() - 1)] = pending_[at & (pending_.size() - 1)];
        }
        pending_.swap(larger);
    }
    pending_[pending_tail_++ & (pending_.size() - 1)] = request;
}

void SpoolBackend::submit(std::span<const StoreRequest> batch) {
    for (const StoreRequest& request : batch) {
        RMX_ASSERT(request.message != nullptr);
        RMX_ASSERT(request.op != StoreOp::part || request.chunk != nullptr);
        Chunk* chunk = request.op == StoreOp::commit ? request.message->first : request.chunk;
        push({request.op, request.message, chunk});
        ++outstanding_;
    }
}

// --- writing
// ---------------------------------------------------------------------------------------------------------

void SpoolBackend::flush() {
    if (flushing_) return;  // a report of ours led back here
    flushing_ = true;
    while (has_pending() && batch_tail_ - batch_head_ < batches_.size()) {
        Batch& batch = batches_[batch_tail_ % batches_.size()];
        if (!gather(batch)) break;
        batch.finish();
        LiveSegment& segment = *batch.segment();
        segment.write_at = batch.end();
        ++segment.batches;
        ++batch_tail_;
        ++counters_.batches;
        batch.op.file = segment.file;
        disk_->start(batch.op);
        janitor_.log_grew(batch.op.bytes);
    }
    janitor_.work();
    flushing_ = false;
}

// Fills a batch from the queue. False: there is nothing to write, or nowhere to write it to.
bool SpoolBackend::gather(Batch& batch) {
    bool open = false;
    while (has_pending()) {
        if (!open) {
            if (segments_.active() == nullptr && !roll()) return false;
            LiveSegment& active = *segments_.active();
            batch.begin(active, active.write_at, active.frames_end);
            open = true;
        }
        switch (place(front(), batch)) {
            case Place::done:
                break;
            case Place::batch_full:
                return true;
            case Place::segment_full:
                if (!batch.empty()) return true;
                if (!roll()) return false;
                open = false;
                break;
        }
    }
    return open && !batch.empty();
}

// On to the next segment. If none is ready, waits for one that is being prepared, or refuses what is queued.
bool SpoolBackend::roll() {
    janitor_.nudge();
    if (segments_.roll()) return true;
    if (janitor_.stuck()) {
        refuse_pending();
    } else {
        ++stalls_;
    }
    return false;
}

void SpoolBackend::refuse_pending() {
    for (std::uint64_t count = pending_tail_ - pending_head_; count > 0; --count) {
        const Pending request = front();
        pop();
        MessageState state = load_state(*request.message);
        switch (request.op) {
            case StoreOp::part:
                state.failed = true;
                store_state(*request.message, state);
                report_part(request.message, request.chunk, StoreStatus::full);
                break;
            case StoreOp::commit:
                begin_end(*request.message, StoreStatus::full);
                break;
            case StoreOp::abort:
                begin_end(*request.message, StoreStatus::aborted);
                break;
        }
    }
}

// Places as much of a request as fits; when done, it has left the queue.
SpoolBackend::Place SpoolBackend::place(Pending& request, Batch& batch) {
    const Pending taken = request;
    Message& message = *taken.message;
    const bool failed = load_state(message).failed;
    if (taken.op == StoreOp::abort || failed) {
        pop();
        if (taken.op == StoreOp::part) {
            report_part(&message, taken.chunk, StoreStatus::retry);
        } else {
            begin_end(message, taken.op == StoreOp::abort ? StoreStatus::aborted : StoreStatus::retry);
        }
        return Place::done;
    }
    for (;;) {
        Chunk* chunk = request.chunk;
        switch (batch.fit(chunk)) {
            case Batch::Fit::batch_full:
                return Place::batch_full;
            case Batch::Fit::segment_full:
                return Place::segment_full;
            case Batch::Fit::yes:
                break;
        }
        add_frame(batch, request, chunk);
        if (taken.op == StoreOp::part || chunk == nullptr || chunk->next == nullptr) break;
        request.chunk = chunk->next;
    }
    pop();
    return Place::done;
}

FrameHeader SpoolBackend::frame_template(const LiveSegment& segment) const {
    FrameHeader header;
    header.tag = tag_;
    header.segment = segment.sequence;
    header.durable_end = segment.durable_end;
    header.previous_segment = segment.previous;
    header.previous_durable_end = segment.previous_durable_end;
    return header;
}

void SpoolBackend::add_frame(Batch& batch, Pending& request, Chunk* chunk) {
    Message& message = *request.message;
    LiveSegment& segment = *batch.segment();
    MessageState state = load_state(message);
    const bool commit = request.op == StoreOp::commit && (chunk == nullptr || chunk->next == nullptr);
    if (batch.empty()) {
        const LiveSegment* previous = segments_.find(segment.previous);
        if (previous != nullptr) segment.previous_durable_end = previous->durable_end;
    }
    FrameHeader header = frame_template(segment);
    header.kind = commit ? FrameKind::commit : FrameKind::part;
    header.id = message.id;
    header.part = state.parts;
    header.payload_position = state.bytes;
    header.previous_part_segment = state.last_segment;
    header.previous_part_offset = state.last_offset;
    if (commit) {
        header.envelope_bytes = message.envelope_bytes;
        header.trace_bytes = message.trace_bytes;
        header.body_bytes = message.body_bytes;
    }
    const std::uint32_t offset = batch.add(header, chunk);

    if (state.last_segment != segment.sequence) {
        segments_.reference(state.parts == 0 ? segment.sequence - 1 : state.last_segment, segment.sequence);
    }
    if (state.parts == 0) state.first_segment = segment.sequence;
    ++state.parts;
    state.bytes += chunk == nullptr ? 0 : chunk->payload().size();
    state.last_segment = segment.sequence;
    state.last_offset = offset;
    ++state.in_flight;
    if (commit) {
        RMX_ASSERT(state.bytes == message.total_bytes());
        state.committed = true;
        if (state.first_segment != segment.sequence)
            segments_.note_span(segment, offset, state.first_segment);
    }
    store_state(message, state);
    batch.entries.push_back({&message, request.op == StoreOp::part ? chunk : nullptr, commit, offset});
}

// --- finishing
// -----------------------------------------------------------------------------------------------------------

void SpoolBackend::disk_done(DiskOp& op, std::int64_t result) {
    for (Batch& batch : batches_) {
        if (&batch.op != &op) continue;
        batch.done = true;
        batch.failed = result != static_cast<std::int64_t>(op.bytes);
        if (!batch.failed) break;
        ++write_errors_;
        batch.segment()->poisoned = true;
        if (segments_.active() == batch.segment()) segments_.seal_active();
        break;
    }
    while (batch_head_ != batch_tail_ && batches_[batch_head_ % batches_.size()].done) {
        settle(batches_[batch_head_ % batches_.size()]);
        ++batch_head_;
    }
}

// The oldest batch in flight, now that its write has ended.
void SpoolBackend::settle(Batch& batch) {
    LiveSegment& segment = *batch.segment();
    const bool durable = !batch.failed && !segment.poisoned;
    if (durable) {
        RMX_ASSERT(batch.op.offset == segment.durable_end);
        segment.durable_end = batch.end();
    }
    RMX_ASSERT(segment.batches > 0);
    for (const BatchEntry& entry : batch.entries)
        settle_entry(entry, segment, durable);
    --segment.batches;
    batch.done = false;
    if (segment.state == LiveSegment::State::sealed) janitor_.nudge();
}

void SpoolBackend::settle_entry(const BatchEntry& entry, LiveSegment& segment, bool durable) {
    Message& message = *entry.message;
    MessageState state = load_state(message);
    RMX_ASSERT(state.in_flight > 0);
    --state.in_flight;
    if (!durable) state.failed = true;
    store_state(message, state);
    if (entry.part != nullptr)
        report_part(&message, entry.part, durable ? StoreStatus::stored : StoreStatus::retry);
    if (entry.commit) {
        RMX_ASSERT(state.in_flight == 0 && !state.ending);
        if (!state.failed) {
            report_message(message, StoreStatus::stored);
            return;
        }
        segments_.withdraw(segment, entry.offset, state.first_segment);
        report_message(message, StoreStatus::retry);
        return;
    }
    if (state.ending) end_if_idle(message);
}

// A message ends without (another) frame: once nothing of it is in flight.
void SpoolBackend::begin_end(Message& message, StoreStatus status) {
    MessageState state = load_state(message);
    RMX_ASSERT(!state.ending && !state.committed);
    state.ending = true;
    state.failed = true;
    state.end = status;
    store_state(message, state);
    end_if_idle(message);
}

void SpoolBackend::end_if_idle(Message& message) {
    const MessageState state = load_state(message);
    if (state.in_flight != 0) return;
    if (state.first_segment != 0) segments_.release(state.first_segment, state.last_segment);
    report_message(message, state.end);
}

void SpoolBackend::report_part(Message* message, Chunk* part, StoreStatus status) {
    RMX_ASSERT(outstanding_ > 0);
    --outstanding_;
    sink_.part_done(message, part, status);
}

void SpoolBackend::report_message(Message& message, StoreStatus status) {
    RMX_ASSERT(outstanding_ > 0);
    --outstanding_;
    if (status == StoreStatus::stored) {
        ++counters_.messages_stored;
        counters_.bytes_stored += message.total_bytes();
    } else if (status != StoreStatus::aborted) {
        ++counters_.messages_failed;
    }
    sink_.message_done(&message, status, text_of(status));
}

// --- the rest
// ------------------------------------------------------------------------------------------------------------

void SpoolBackend::tick(Now now) {
    janitor_.tick(now);
    flush();
    counters_.bytes_free = janitor_.free_bytes();
    counters_.segments = segments_.all().size();
    counters_.io_errors = write_errors_ + janitor_.errors();
}

bool SpoolBackend::accepting() const {
    if (janitor_.space_low()) return false;
    const LiveSegment* active = segments_.active();
    if (active != nullptr && active->frames_end - active->write_at >= limits::spool_batch_bytes_max / 4)
        return true;
    return segments_.ready_count() > 0 || !janitor_.stuck();
}

void SpoolBackend::close() {
    RMX_ASSERT(outstanding_ == 0);
    janitor_.finish_up();
    disk_->drain();
    if (segments_.active() != nullptr && segments_.active()->write_at > 0) segments_.seal_active();
    janitor_.nudge();
    for (janitor_.work(); !janitor_.idle(); janitor_.work()) {
        disk_->drain();
    }
    close_files();
}

void SpoolBackend::close_files() {
    struct Closer final : DiskClient {
        void disk_done(DiskOp&, std::int64_t) override {}
    } closer;
    for (const auto& segment : segments_.all()) {
        if (segment->file < 0) continue;
        DiskOp op;
        op.kind = DiskOp::Kind::close;
        op.file = segment->file;
        op.client = &closer;
        disk_->start(op);
        disk_->drain();
        segment->file = -1;
    }
}

}  // namespace ringmx::storage::spool
