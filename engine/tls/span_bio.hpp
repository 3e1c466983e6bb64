// The two ends of a channel as OpenSSL sees them: a BIO that reads from a span of ciphertext and writes into
// a span, so that nothing is copied that need not be. What finds no room is kept, bounded, until it is taken.
#pragma once

#include <vector>

#include "base/bytes.hpp"

struct bio_st;

namespace ringmx::tls {

struct SpanBio {
    Bytes input;                     // not yet read by OpenSSL
    MutableBytes output;             // room of the present call; empty: everything goes to `kept`
    std::vector<std::byte> kept;     // written, and not yet taken; empty vectors hold no memory
    std::size_t kept_begin = 0;      // of it, already taken
    std::size_t octets_missing = 0;  // of what OpenSSL last asked for: the rest of a record or its header
    bool in_record = false;          // OpenSSL has part of a record and waits for the rest
    bool in_header = false;          // what is missing is of its header

    std::size_t kept_octets() const { return kept.size() - kept_begin; }
    // Moves what is kept into `out`, as much as fits; returns the octets. Gives the memory back when empty.
    std::size_t take_kept(MutableBytes out);
};

// A BIO over `ends`, which outlives it; null: out of memory.
bio_st* make_span_bio(SpanBio& ends);

}  // namespace ringmx::tls
