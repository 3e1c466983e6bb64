#include "storage/spool/segments.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ringmx::storage::spool {

LiveSegment& SegmentTable::add(std::uint64_t sequence) {
    RMX_ASSERT(segments_.empty() || segments_.back()->sequence < sequence);
    LiveSegment& segment = *segments_.emplace_back(std::make_unique<LiveSegment>());
    segment.sequence = sequence;
    return segment;
}

SegmentTable::Iterator SegmentTable::lower_bound(std::uint64_t sequence) {
    return std::lower_bound(segments_.begin(), segments_.end(), sequence,
                            [](const std::unique_ptr<LiveSegment>& segment, std::uint64_t wanted) {
                                return segment->sequence < wanted;
                            });
}

LiveSegment* SegmentTable::find(std::uint64_t sequence) {
    const auto found = lower_bound(sequence);
    return found != segments_.end() && (*found)->sequence == sequence ? found->get() : nullptr;
}

void SegmentTable::erase(std::uint64_t sequence, bool gone) {
    LiveSegment* segment = find(sequence);
    RMX_ASSERT(segment != nullptr && segment != active_ && segment->references == 0 && segment->batches == 0);
    if (gone) {
        for (const std::uint64_t first : segment->needs)
            release(first, sequence - 1);
    }
    std::erase_if(segments_, [&](const auto& each) { return each.get() == segment; });
}

bool SegmentTable::roll() {
    const auto next = std::find_if(segments_.begin(), segments_.end(),
                                   [](const auto& each) { return each->state == LiveSegment::State::ready; });
    if (next == segments_.end()) return false;
    seal_active();
    active_ = next->get();
    active_->state = LiveSegment::State::active;
    active_->previous = last_active_;
    const LiveSegment* previous = find(last_active_);
    active_->previous_durable_end = previous == nullptr ? 0 : previous->durable_end;
    last_active_ = active_->sequence;
    return true;
}

void SegmentTable::seal_active() {
    if (active_ == nullptr) return;
    active_->state = LiveSegment::State::sealed;
    active_ = nullptr;
}

std::size_t SegmentTable::ready_count() const {
    return static_cast<std::size_t>(std::count_if(segments_.begin(), segments_.end(), [](const auto& each) {
        return each->state == LiveSegment::State::ready;
    }));
}

void SegmentTable::reference(std::uint64_t after, std::uint64_t last) {
    for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
        if ((*segment)->sequence <= after) return;
        // One that is leaving lies between two frames of the message, and has none itself.
        if ((*segment)->sequence <= last && (*segment)->state != LiveSegment::State::leaving)
            ++(*segment)->references;
    }
}

void SegmentTable::release(std::uint64_t first, std::uint64_t last) {
    for (auto segment = lower_bound(first); segment != segments_.end() && (*segment)->sequence <= last;
         ++segment) {
        // Not an assertion: an acknowledgement of something that never was a message comes from outside.
        if ((*segment)->references > 0) --(*segment)->references;
    }
}

void SegmentTable::note_span(LiveSegment& segment, std::uint32_t offset, std::uint64_t first) {
    segment.spans.push_back({offset, first});
}

// The first segment of the message committed there; forgets the span, if it was one.
std::uint64_t SegmentTable::take_span(LiveSegment& segment, std::uint32_t offset) {
    const auto span = std::find_if(segment.spans.begin(), segment.spans.end(),
                                   [&](const Span& each) { return each.commit_offset == offset; });
    if (span == segment.spans.end()) return segment.sequence;
    const std::uint64_t first = span->first_segment;
    segment.spans.erase(span);
    return first;
}

void SegmentTable::withdraw(LiveSegment& segment, std::uint32_t offset, std::uint64_t first) {
    // Taken for acknowledged from now on: a consumer may have read the frame before its write failed.
    if (!segment.acks.add(offset)) return;
    take_span(segment, offset);
    release(segment.sequence, segment.sequence);
    if (first != segment.sequence) segment.needs.push_back(first);
}

void SegmentTable::acknowledge(LiveSegment& segment, std::uint32_t offset) {
    if (!segment.acks.add(offset)) return;
    release(take_span(segment, offset), segment.sequence);
}

}  // namespace ringmx::storage::spool
