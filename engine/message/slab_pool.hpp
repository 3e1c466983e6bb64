// A core's memory for messages: chunks of three sizes out of one bounded, lazily touched mapping.
//
// Bounded: never holds more than `bytes_max` of memory; acquire() returns null beyond it and the caller
// answers 452 or waits. A reserve can only be drawn by acquire_reserved(), so that replies and held input
// find room when mail data has taken everything else; it is kept in whole large pieces. One thread. acquire
// and release are a few instructions: a free list per class; large pieces split into smaller ones and join
// again when all their parts are back.
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
    // Of the class asked for, or medium instead of small when only medium pieces are left: see
    // Chunk::capacity.
    Chunk* acquire(ChunkClass size);
    // The same, and may use the reserve.
    Chunk* acquire_reserved(ChunkClass size);
    // Gives back one chunk (not its list). Must come from this pool.
    void release(Chunk* chunk);
    // Gives back a list linked by `next`.
    void release_list(Chunk* first);

    // For a slow tick: gives memory back to the system that has been free since the last call, the longest
    // unused first, at most `bytes_at_once_max` of it (so that the loop is not held up). Returns the octets
    // given back.
    std::size_t trim(std::size_t bytes_at_once_max = trim_bytes_at_once);

    // A call of trim() makes one system call for each large piece of it.
    static constexpr std::size_t trim_bytes_at_once = 8u << 20;

    std::size_t bytes_max() const;
    std::size_t bytes_in_use() const;  // sum of the capacities of the chunks that are out
    // Whether a chunk of the class could be had now without the reserve.
    bool can_acquire(ChunkClass size) const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ringmx
