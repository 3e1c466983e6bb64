// Messages for spool tests, made of chunks of their own: contents follow from the seed, and every octet is
// known.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "message/envelope.hpp"
#include "message/message.hpp"
#include "scan/data_scan.hpp"

namespace ringmx::storage::spool::test {

struct ChunkDeleter {
    void operator()(Chunk* chunk) const {
        std::free(chunk->memory);
        delete chunk;
    }
};
using OwnedChunk = std::unique_ptr<Chunk, ChunkDeleter>;

inline OwnedChunk make_chunk(ChunkClass size, Bytes payload) {
    OwnedChunk chunk(new Chunk);
    chunk->size_class = size;
    chunk->capacity = static_cast<std::uint32_t>(chunk_bytes(size));
    chunk->memory = static_cast<std::byte*>(std::aligned_alloc(limits::page_bytes, chunk->capacity));
    std::memset(chunk->memory, 0xAA, chunk->capacity);
    chunk->begin = limits::chunk_headroom_bytes;
    chunk->end = chunk->begin + static_cast<std::uint32_t>(payload.size());
    if (!payload.empty()) std::memcpy(chunk->memory + chunk->begin, payload.data(), payload.size());
    chunk->crc = payload.empty() ? 0 : scan::crc32c(0, payload);
    return chunk;
}

// A message and what it should read back as. Chunks are cut to full large ones, the last as small as it fits.
struct TestMessage {
    Message message;
    std::vector<OwnedChunk> chunks;
    std::vector<std::byte> bytes;  // envelope, trace headers, mail data

    static std::unique_ptr<TestMessage> make(MessageId id, std::size_t body_bytes, std::uint64_t seed) {
        auto made = std::make_unique<TestMessage>();
        made->message.id = id;
        std::vector<std::byte>& all = made->bytes;
        all.resize(256);
        std::size_t used =
            append_envelope_record(all, EnvelopeField::reverse_path, as_bytes("sender@example.com"));
        used += append_envelope_record(MutableBytes(all).subspan(used), EnvelopeField::forward_path,
                                       as_bytes("recipient@example.net"));
        all.resize(used);
        constexpr std::string_view trace = "Received: from client.example by mx.example;\r\n";
        const Bytes trace_bytes = as_bytes(trace);
        all.insert(all.end(), trace_bytes.begin(), trace_bytes.end());
        made->message.envelope_bytes = static_cast<std::uint32_t>(used);
        made->message.trace_bytes = static_cast<std::uint32_t>(trace.size());
        made->message.body_bytes = body_bytes;
        const std::size_t head = all.size();
        all.resize(head + body_bytes);
        const std::vector<std::byte>& octets = noise();
        const std::size_t room = octets.size() - std::min(octets.size(), body_bytes);
        for (std::size_t at = 0; at < body_bytes; at += octets.size()) {
            const std::size_t from = room == 0 ? 0 : seed * 0x9e3779b97f4a7c15u % room;
            std::memcpy(all.data() + head + at, octets.data() + from,
                        std::min(octets.size() - from, body_bytes - at));
        }
        made->cut();
        return made;
    }

 private:
    // Random octets, to cut mail data from.
    static const std::vector<std::byte>& noise() {
        static const std::vector<std::byte> octets = [] {
            std::vector<std::byte> made(1u << 20);
            std::mt19937_64 random(1);
            for (std::size_t at = 0; at < made.size(); at += 8)
                store_le(made.data() + at, std::uint64_t{random()});
            return made;
        }();
        return octets;
    }

    void cut() {
        const std::size_t large = chunk_bytes(ChunkClass::large) - limits::chunk_headroom_bytes;
        for (std::size_t at = 0; at < bytes.size() || chunks.empty();) {
            const std::size_t take = std::min(large, bytes.size() - at);
            const std::size_t needs = take + limits::chunk_headroom_bytes;
            const ChunkClass size = needs <= chunk_bytes(ChunkClass::small)    ? ChunkClass::small
                                    : needs <= chunk_bytes(ChunkClass::medium) ? ChunkClass::medium
                                                                               : ChunkClass::large;
            chunks.push_back(make_chunk(size, Bytes(bytes).subspan(at, take)));
            if (message.last != nullptr) message.last->next = chunks.back().get();
            if (message.first == nullptr) message.first = chunks.back().get();
            message.last = chunks.back().get();
            at += take;
        }
    }
};

}  // namespace ringmx::storage::spool::test
