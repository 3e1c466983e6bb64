#include "ring/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/assert.hpp"

namespace ringmx::ring {

TimerWheel::TimerWheel(std::uint32_t ids_max, std::int64_t now_ns, std::int64_t tick_ns)
    : entries_(ids_max), tick_ns_(tick_ns), current_tick_(now_ns / tick_ns) {
    heads_.fill(kNone);
}

bool TimerWheel::armed(std::uint32_t id) const {
    return entries_[id].slot != kNone;
}

void TimerWheel::arm(std::uint32_t id, std::int64_t deadline_ns) {
    if (!armed(id)) link(id, deadline_ns);
}

void TimerWheel::cancel(std::uint32_t id) {
    if (armed(id)) unlink(id);
}

void TimerWheel::link(std::uint32_t id, std::int64_t deadline_ns) {
    const std::int64_t due = deadline_ns / tick_ns_ + (deadline_ns % tick_ns_ != 0 ? 1 : 0);
    const std::int64_t tick = std::clamp(due, current_tick_ + 1, current_tick_ + kSlots - 1);
    insert(id, static_cast<std::uint32_t>(tick % kSlots));
}

void TimerWheel::insert(std::uint32_t id, std::uint32_t slot) {
    Entry& entry = entries_[id];
    RMX_ASSERT(entry.slot == kNone);
    entry.slot = slot;
    entry.previous = kNone;
    entry.next = heads_[slot];
    if (entry.next != kNone) entries_[entry.next].previous = id;
    heads_[slot] = id;
    if (slot != kDue) occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    ++armed_count_;
}

void TimerWheel::unlink(std::uint32_t id) {
    Entry& entry = entries_[id];
    RMX_ASSERT(entry.slot != kNone && armed_count_ > 0);
    const std::uint32_t slot = entry.slot;
    if (entry.previous != kNone) {
        entries_[entry.previous].next = entry.next;
    } else {
        heads_[slot] = entry.next;
    }
    if (entry.next != kNone) entries_[entry.next].previous = entry.previous;
    if (slot != kDue && heads_[slot] == kNone) occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    entry = Entry{};
    --armed_count_;
}

void TimerWheel::gather(std::int64_t now_ns) {
    const std::int64_t target = now_ns / tick_ns_;
    // A long pause visits each slot once, not each tick.
    std::int64_t tick = std::max(current_tick_, target - kSlots);
    current_tick_ = std::max(current_tick_, target);
    while (tick < target) {
        ++tick;
        const auto slot = static_cast<std::uint32_t>(tick % kSlots);
        while (heads_[slot] != kNone) {
            const std::uint32_t id = heads_[slot];
            unlink(id);
            insert(id, kDue);
        }
    }
}

std::int64_t TimerWheel::next_ns() const {
    if (armed_count_ == 0) return std::numeric_limits<std::int64_t>::max();
    // The first occupied slot at or after the one that comes next, word by word, round the wheel.
    const auto start = static_cast<std::uint32_t>((current_tick_ + 1) % kSlots);
    const std::uint32_t words = kSlots / 64;
    for (std::uint32_t step = 0; step <= words; ++step) {
        const std::uint32_t word = (start / 64 + step) % words;
        std::uint64_t bits = occupied_[word];
        if (step == 0) bits &= ~std::uint64_t{0} << (start % 64);
        if (bits == 0) continue;
        const std::uint32_t slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
        const std::uint32_t ahead = (slot + kSlots - start) % kSlots;
        return (current_tick_ + 1 + ahead) * tick_ns_;
    }
    return (current_tick_ + 1) * tick_ns_;  // only timers that are being asked
}

}  // namespace ringmx::ring
