// A chunk: one piece of page-aligned memory from a core's slab pool, with headroom in front of its payload
// for a storage frame's header. Chunks carry envelopes, mail data, held input and replies.
//
// Owned by one holder at a time; acquired and released on the pool's own thread only. A storage worker may
// read the payload and write the headroom and the padding behind the payload between submit and completion.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/limits.hpp"

namespace ringmx {

enum class ChunkClass : std::uint8_t { small, medium, large };

constexpr std::size_t chunk_bytes(ChunkClass size) {
    switch (size) {
        case ChunkClass::small:
            return limits::chunk_small_bytes;
        case ChunkClass::medium:
            return limits::chunk_medium_bytes;
        case ChunkClass::large:
            return limits::chunk_large_bytes;
    }
    return 0;
}

struct Chunk {
    std::byte* memory = nullptr;  // page aligned, `capacity` bytes
    std::uint32_t capacity = 0;   // whole piece, headroom included
    std::uint32_t begin = 0;      // first octet not yet consumed by a reader; headroom size for messages
    std::uint32_t end = 0;        // one past the last octet written
    std::uint32_t crc = 0;        // CRC32C of [begin, end), kept by whoever writes it
    Chunk* next = nullptr;        // the holder's list
    ChunkClass size_class = ChunkClass::small;

    Bytes payload() const { return {memory + begin, end - begin}; }
    MutableBytes room() { return {memory + end, capacity - end}; }
    MutableBytes headroom() { return {memory, limits::chunk_headroom_bytes}; }
};

}  // namespace ringmx
