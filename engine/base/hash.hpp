// A hash of text, for tables. What is made of it is kept on disks (recipients/table_format.hpp): it stays as
// it is.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.hpp"

namespace ringmx {

// Finaliser of MurmurHash3: every input bit reaches every output bit.
inline std::uint64_t mix_bits(std::uint64_t value) {
    value ^= value >> 33;
    value *= 0xFF51'AFD7'ED55'8CCDULL;
    value ^= value >> 33;
    value *= 0xC4CE'B9FE'1A85'EC53ULL;
    return value ^ value >> 33;
}

inline std::uint64_t hash_text(std::uint64_t seed, std::string_view text) {
    std::uint64_t hash = seed ^ text.size();
    while (text.size() >= sizeof hash) {
        hash = mix_bits(hash ^ load_le<std::uint64_t>(text.data()));
        text.remove_prefix(sizeof hash);
    }
    std::uint64_t rest = 0;
    if (!text.empty()) std::memcpy(&rest, text.data(), text.size());
    return mix_bits(hash ^ rest);
}

}  // namespace ringmx
