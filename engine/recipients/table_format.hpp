// The table of recipients on disk: layout, hash and integers. docs/recipients.md describes it; a change of
// anything here is a new version.
//
//     header | domains: entries, index | addresses: entries, index
//
// Both pairs are hash tables of buckets: the index has the offset of each bucket in the entries, and one more
// for their end; a bucket is its entries one behind the other. The bucket of an entry is given by the upper
// half of its hash, so that entries stand in the order of their hashes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/hash.hpp"
#include "base/result.hpp"

namespace ringmx::recipients::table {

constexpr std::string_view kMagic = "RMXTABLE";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderOctets = 256;
constexpr std::size_t kSectionAlignment = 64;
constexpr std::size_t kIndexEntryOctets = 4;
// A bucket has so many entries on average: the index stays in a processor's cache, and a bucket in two or
// three of its lines.
constexpr std::uint64_t kEntriesPerBucket = 8;
constexpr std::uint64_t kSectionOctetsMax = UINT32_MAX;
constexpr std::size_t kVarintOctetsMax = 5;

enum SectionName : std::size_t { domain_entries, domain_index, address_entries, address_index, sections };

struct Section {
    std::uint64_t offset = 0;
    std::uint64_t octets = 0;
    std::uint32_t crc = 0;  // CRC32C
};

struct Header {
    std::uint64_t file_octets = 0;
    std::uint64_t addresses = 0;
    std::uint64_t domains = 0;
    std::uint64_t catch_alls = 0;  // of these, domains of which every local part exists
    std::array<Section, sections> section{};
};

std::array<std::byte, kHeaderOctets> encode(const Header& header);
// `bytes`: kHeaderOctets. The error says what is wrong, without a name of the file.
Result<Header> decode(Bytes bytes);

inline std::uint64_t hash_domain(std::string_view domain) {
    return hash_text(0, domain);
}
inline std::uint64_t hash_address(std::uint64_t hash_of_domain, std::string_view local_part) {
    return hash_text(hash_of_domain, local_part);
}

// `buckets` is at least 1 and below 2^32.
inline std::uint64_t bucket_of(std::uint64_t hash, std::uint64_t buckets) {
    return (hash >> 32) * buckets >> 32;
}

// How many buckets hold `entries`.
constexpr std::uint64_t buckets_for(std::uint64_t entries) {
    return (entries + kEntriesPerBucket - 1) / kEntriesPerBucket + (entries == 0 ? 1 : 0);
}

// LEB128. False: it does not end within `end`, or is longer than 32 bits.
inline bool read_varint(const std::uint8_t*& at, const std::uint8_t* end, std::uint32_t& value) {
    if (at == end) return false;
    if (*at < 0x80) [[likely]] {
        value = *at++;
        return true;
    }
    std::uint64_t whole = 0;
    for (unsigned shift = 0; at != end && shift < 7 * kVarintOctetsMax; shift += 7) {
        const std::uint8_t octet = *at++;
        whole |= std::uint64_t{octet & 0x7fu} << shift;
        if (octet < 0x80) {
            value = static_cast<std::uint32_t>(whole);
            return whole <= UINT32_MAX;
        }
    }
    return false;
}

inline void append_varint(std::string& to, std::uint32_t value) {
    for (; value >= 0x80; value >>= 7)
        to += static_cast<char>(value | 0x80);
    to += static_cast<char>(value);
}

}  // namespace ringmx::recipients::table
