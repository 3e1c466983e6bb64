#include "admission/shared_counts.hpp"

#include <bit>

#include "base/assert.hpp"

namespace ringmx::admission {

namespace {

constexpr int kAttempts = 8;  // when other cores change the same words in between

std::uint32_t tag_from(std::uint64_t key) {
    const auto tag = static_cast<std::uint32_t>(key >> 38);
    return tag == 0 ? 1 : tag;
}

// A second number from a key that is a hash already.
std::uint64_t rehashed(std::uint64_t key) {
    return std::rotr(key * 0x9e3779b97f4a7c15, 20);
}

}  // namespace

static_assert(SharedCounts::Rate::kRangeNs > 2 * limits::admission_sweep_ticks * 250 * kNsPerMs);

SharedCounts::SharedCounts(std::size_t entries)
    : mask_(entries - 1), sets_(std::make_unique<Set[]>(entries / kWays)) {
    RMX_ASSERT(std::has_single_bit(entries) && entries >= 2 * kWays);
}

// Where the key is; if it is nowhere, where it may go: to the emptier one of its two sets.
SharedCounts::Places SharedCounts::look(std::uint64_t key, std::uint32_t now) const {
    const std::uint32_t tag = tag_from(key);
    Places places;
    std::uint32_t most_free = 0;
    for (const std::uint64_t hash : {key, rehashed(key)}) {
        const std::size_t set = hash & mask_ & ~(kWays - 1);
        std::uint32_t free_here = 0;
        std::uint32_t at_here = kNowhere;
        std::uint64_t word_here = 0;
        for (std::size_t i = set; i < set + kWays; ++i) {
            const std::uint64_t word = at(i).load(std::memory_order_relaxed);
            if (word != 0 && tag_of(word) == tag) {
                places.found = static_cast<std::uint32_t>(i);
                return places;
            }
            if (word != 0 && !is_idle(word, now)) continue;
            if (++free_here > 1) continue;
            at_here = static_cast<std::uint32_t>(i);
            word_here = word;
        }
        if (free_here <= most_free) continue;
        most_free = free_here;
        places.free = at_here;
        places.free_word = word_here;
    }
    return places;
}

SharedCounts::Entered SharedCounts::enter(std::uint64_t key, std::uint32_t most, std::uint32_t interval,
                                          std::int64_t now_ns) {
    const std::uint32_t now = Rate::ticks(now_ns);
    const std::uint32_t tag = tag_from(key);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const Places places = look(key, now);
        const bool known = places.found != kNowhere;
        const std::uint32_t index = known ? places.found : places.free;
        if (index == kNowhere) return {};
        std::uint64_t word = known ? at(index).load(std::memory_order_relaxed) : places.free_word;
        // Taken over by another key in the meantime, or no longer free: look again.
        while (known ? word != 0 && tag_of(word) == tag : word == places.free_word) {
            const std::uint32_t count = known ? count_of(word) : 0;
            std::uint32_t empty_at = known ? empty_at_of(word) : now;
            if (most != 0 && count >= most) return {Verdict::too_many, kNowhere};
            if (count == limits::admission_open_max) return {};
            if (!Rate::take(empty_at, now, interval)) return {Verdict::too_fast, kNowhere};
            if (at(index).compare_exchange_weak(word, word_of(tag, empty_at, count + 1),
                                                std::memory_order_relaxed)) {
                return {Verdict::admitted, index};
            }
        }
    }
    return {};
}

void SharedCounts::leave(std::uint32_t index) {
    const std::uint64_t before = at(index).fetch_sub(1, std::memory_order_relaxed);
    RMX_ASSERT(count_of(before) > 0);
}

void SharedCounts::sweep(std::size_t first, std::size_t count, std::int64_t now_ns) {
    const std::uint32_t now = Rate::ticks(now_ns);
    for (std::size_t i = first; i < first + count; ++i) {
        std::atomic<std::uint64_t>& entry = at(i & mask_);
        std::uint64_t word = entry.load(std::memory_order_relaxed);
        if (word == 0 || Rate::level(empty_at_of(word), now) != 0) continue;
        // Should another core change it now, the next sweep will do.
        const std::uint64_t settled = count_of(word) == 0 ? 0 : word_of(tag_of(word), now, count_of(word));
        entry.compare_exchange_strong(word, settled, std::memory_order_relaxed);
    }
}

}  // namespace ringmx::admission
