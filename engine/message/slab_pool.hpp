// A core's memory for messages: chunks of three sizes out of one bounded, lazily touched mapping.
//
// Bounded: never holds more than `bytes_max` of memory; acquire() returns null beyond it and the caller answers 452
// or waits. A reserve can only be drawn by acquire_reserved(), so that replies and held input find room when mail
// data has taken everything else. One thread. acquire and release are a few instructions: a free list per class;
// large pieces split into smaller ones and join again when all their parts are back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "message/chunk.hpp"

namespace ringmx {

class SlabPool {
   public:
    // bytes_max is rounded down to whole large chunks, at least four. `reserve_bytes` of it is the reserve.
    explicit SlabPool(std::size_t bytes_max, std::size_t reserve_bytes = 0);
    ~SlabPool();
    SlabPool(const SlabPool&) = delete;
    SlabPool& operator=(const SlabPool&) = delete;

    // A chunk with begin == end == chunk_headroom_bytes, crc 0, next null; or null when the pool is used up.
    Chunk* acquire(ChunkClass size);
    // The same, and may use the reserve.
    Chunk* acquire_reserved(ChunkClass size);
    // Gives back one chunk (not its list). Must come from this pool.
    void release(Chunk* chunk);
    // Gives back a list linked by `next`.
    void release_list(Chunk* first);

    std::size_t bytes_max() const;
    std::size_t bytes_in_use() const;  // sum of the capacities of the chunks that are out
    // Whether a chunk of the class could be had now without the reserve.
    bool can_acquire(ChunkClass size) const;

   private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ringmx
