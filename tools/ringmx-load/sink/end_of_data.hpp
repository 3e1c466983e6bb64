// Finds CR LF "." CR LF (RFC 5321 §4.1.1.4) in mail data that arrives in pieces.
//
// Dots are rarer than line ends, so memchr looks for them and their neighbours are compared. What may cross
// the border between two pieces is left to the automaton: its state is how many octets of the end of data
// came last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringmx::floor {

class EndOfData {
 public:
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    // The CR LF that ended the DATA command counts: a message may consist of the dot alone.
    void begin() { matched_ = 2; }

    // The number of octets up to and including the end of data, or npos when it is not in this piece.
    std::size_t find(const char* piece, std::size_t octets) {
        std::size_t at = 0;
        while (matched_ != 0 && at < octets) {
            matched_ = step(matched_, piece[at++]);
            if (matched_ == kOctets) return at;
        }
        const char* const begin = piece + at;
        const char* const end = piece + octets;
        for (const char* from = begin; from < end; ++from) {
            from = static_cast<const char*>(std::memchr(from, '.', static_cast<std::size_t>(end - from)));
            if (from == nullptr) break;
            if (from - begin < 2 || end - from < 3) continue;
            if (std::memcmp(from - 2, kPattern, kOctets) == 0) {
                return static_cast<std::size_t>(from - piece) + 3;
            }
        }
        if (begin < end) matched_ = matched_at_end(begin, static_cast<std::size_t>(end - begin));
        return npos;
    }

 private:
    static constexpr char kPattern[] = "\r\n.\r\n";
    static constexpr std::uint8_t kOctets = 5;

    static std::uint8_t step(std::uint8_t matched, char octet) {
        if (octet == kPattern[matched]) return matched + 1;
        return octet == '\r' ? 1 : 0;
    }

    static std::uint8_t matched_at_end(const char* piece, std::size_t octets) {
        for (std::uint8_t length = kOctets - 1; length > 0; --length) {
            if (octets >= length && std::memcmp(piece + octets - length, kPattern, length) == 0)
                return length;
        }
        return 0;
    }

    std::uint8_t matched_ = 0;
};

}  // namespace ringmx::floor
