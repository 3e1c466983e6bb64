// How many connections each client and each network has open, and how fast they open them: exact, over all
// cores. Cores share this one table because the kernel spreads a client's connections over them as chance
// has it: a share of the limit for each core would turn away clients that are far below it.
//
// It is touched when a connection opens and when it ends, never for a message. An entry is one atomic word
// (tag of the key, bucket of the rate, count), changed by compare and swap: there is no lock, and an entry
// that is in use never moves, so that its index names it until the connection has left. A key has 16 places,
// two cache lines; if all are in use the connection is not counted.
//
// Two keys of the same places are taken for one if 26 bits of their hashes are equal, too: a new key meets
// such a one once in four million times at most. Two cores that see a new key in the same moment may give it
// two entries; each is then held to the limit until it is empty.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "admission/bucket.hpp"

namespace ringmx::admission {

constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

class SharedCounts {
 public:
    // `entries` is a power of two, at least 16.
    explicit SharedCounts(std::size_t entries = limits::admission_shared_entries);

    enum class Verdict : std::uint8_t { admitted, too_many, too_fast, no_room };
    struct Entered {
        Verdict verdict = Verdict::no_room;
        std::uint32_t index = kNowhere;  // if admitted
    };
    using Rate = Bucket<22, 4000>;

    // One more connection of `key` (not 0). `most` connections at a time, 0: any number; `interval`
    // (Rate::interval) between them. What is refused is not counted.
    Entered enter(std::uint64_t key, std::uint32_t most, std::uint32_t interval, std::int64_t now_ns);
    void leave(std::uint32_t index);
    std::uint32_t open(std::uint32_t index) const {  // connections of that key now
        return count_of(at(index).load(std::memory_order_relaxed));
    }

    // Frees entries that nothing is known of any more, from `first` on, `count` of them. Every entry has to
    // be looked at once in Rate::kRangeNs.
    void sweep(std::size_t first, std::size_t count, std::int64_t now_ns);
    std::size_t entries() const { return mask_ + 1; }

 private:
    // count: 16 bits, when the rate's bucket is empty: 22, tag: 26. 0: free.
    static std::uint32_t count_of(std::uint64_t word) { return static_cast<std::uint32_t>(word & 0xffff); }
    static std::uint32_t empty_at_of(std::uint64_t word) {
        return static_cast<std::uint32_t>(word >> 16) & Rate::kMask;
    }
    static std::uint32_t tag_of(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 38); }
    static std::uint64_t word_of(std::uint32_t tag, std::uint32_t empty_at, std::uint32_t count) {
        return std::uint64_t{tag} << 38 | std::uint64_t{empty_at} << 16 | count;
    }
    static bool is_idle(std::uint64_t word, std::uint32_t now) {
        return count_of(word) == 0 && Rate::level(empty_at_of(word), now) == 0;
    }
    struct Places {
        std::uint32_t found = kNowhere;
        std::uint32_t free = kNowhere;
        std::uint64_t free_word = 0;
    };
    Places look(std::uint64_t key, std::uint32_t now) const;

    static constexpr std::size_t kWays = 8;  // words of a set, which is a cache line
    struct alignas(64) Set {
        std::atomic<std::uint64_t> words[kWays];
    };
    std::atomic<std::uint64_t>& at(std::size_t index) const {
        return sets_[index / kWays].words[index % kWays];
    }

    std::size_t mask_;
    std::unique_ptr<Set[]> sets_;
};

}  // namespace ringmx::admission
