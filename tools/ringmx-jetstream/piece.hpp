// A record of a stream, read: what its headers say, and its octets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nats/nats.h>

namespace ringmx::jetstream {

struct Piece {
    std::string id;
    std::string unit;
    std::uint64_t octets = 0;  // of the whole content
    std::uint32_t crc32c = 0;  // of the whole content
    std::uint32_t number = 1;  // of this chunk, from 1
    std::uint32_t count = 1;
    std::uint64_t chunk_octets = 0;
    // Of a unit's first record: the lines Return-Path and X-Original-To, with CR LF.
    std::string trace;
    std::string_view data;  // the message's own
    std::string reply;      // where it is acknowledged

    std::uint64_t offset() const { return (number - 1) * chunk_octets; }
};

// Nothing: not a record of ringmx. `message` is to outlive the piece.
std::optional<Piece> read_piece(natsMsg* message);

// A file name for a unit, without '/', at most 200 octets.
std::string unit_file_name(const Piece& piece);

}  // namespace ringmx::jetstream
