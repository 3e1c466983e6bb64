// A bounded queue between exactly one producer thread and exactly one consumer thread, without locks.
//
// Pushed items are staged; publish() shows them to the consumer with one release store, so a batch costs what
// one item costs. Each side keeps its index, and a copy of the other's, on cache lines of its own, and looks
// at the other's line only when the copy says full or empty. Memory order: what the producer did before
// publish() happens before what the consumer does after pop() returned the item; and a slot is written again
// only after its reader has left it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "base/assert.hpp"

namespace ringmx::storage {

// Two lines of 64 octets: processors fetch them in pairs.
constexpr std::size_t kCacheLinePair = 128;

template <typename T>
class SpscQueue {
    static_assert(std::is_trivially_copyable_v<T>);

 public:
    // `entries` is a power of two.
    explicit SpscQueue(std::uint32_t entries)
        : slots_(std::make_unique<T[]>(entries + 2 * kPadding)), mask_(entries - 1) {
        RMX_ASSERT(entries > 0 && (entries & (entries - 1)) == 0);
    }
    SpscQueue(const SpscQueue&) = delete;
    SpscQueue& operator=(const SpscQueue&) = delete;

    std::size_t capacity() const { return mask_ + 1; }

    // --- producer ---
    // False: full.
    bool push(const T& item) { return push(std::span<const T>(&item, 1)) == 1; }
    // Takes as many as there is room for, from the front; returns how many.
    std::size_t push(std::span<const T> items) {
        if (room() < items.size()) producer_.head_seen = consumer_.head.load(std::memory_order_acquire);
        const std::size_t count = std::min<std::size_t>(items.size(), room());
        for (std::size_t i = 0; i < count; ++i)
            slot(producer_.staged + i) = items[i];
        producer_.staged += count;
        return count;
    }
    bool unpublished() const { return producer_.staged != producer_.tail.load(std::memory_order_relaxed); }
    // Shows what was pushed to the consumer. False: there was nothing new.
    bool publish() {
        if (!unpublished()) return false;
        producer_.tail.store(producer_.staged, std::memory_order_release);
        return true;
    }

    // --- consumer ---
    // Moves up to out.size() items out, oldest first; returns how many.
    std::size_t pop(std::span<T> out) {
        const std::uint64_t head = consumer_.head.load(std::memory_order_relaxed);
        if (consumer_.tail_seen - head < out.size()) {
            consumer_.tail_seen = producer_.tail.load(std::memory_order_acquire);
        }
        const std::size_t count = std::min<std::size_t>(out.size(), consumer_.tail_seen - head);
        for (std::size_t i = 0; i < count; ++i)
            out[i] = slot(head + i);
        if (count > 0) consumer_.head.store(head + count, std::memory_order_release);
        return count;
    }
    bool empty() const {
        return producer_.tail.load(std::memory_order_acquire) ==
               consumer_.head.load(std::memory_order_relaxed);
    }

 private:
    // Keeps the first and the last slots off the lines of whatever lies beside them.
    static constexpr std::size_t kPadding = (kCacheLinePair + sizeof(T) - 1) / sizeof(T);

    std::size_t room() const { return capacity() - (producer_.staged - producer_.head_seen); }
    T& slot(std::uint64_t index) { return slots_[kPadding + (index & mask_)]; }

    struct alignas(kCacheLinePair) Producer {
        std::atomic<std::uint64_t> tail{0};  // one past the last published
        std::uint64_t staged = 0;            // one past the last pushed
        std::uint64_t head_seen = 0;         // where the consumer was
    };
    struct alignas(kCacheLinePair) Consumer {
        std::atomic<std::uint64_t> head{0};  // next to pop
        std::uint64_t tail_seen = 0;         // where the producer was
    };
    Producer producer_;
    Consumer consumer_;
    alignas(kCacheLinePair) std::unique_ptr<T[]> slots_;
    std::uint64_t mask_;
};

}  // namespace ringmx::storage
