// The domains of a message's recipients, as numbers: what order is kept by.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "message/envelope.hpp"

namespace ringmx::storage::delivery {

// A 64-bit FNV-1a of the domain in lower case. The domain of `postmaster` alone is empty.
inline std::uint64_t domain_key(std::string_view forward_path) {
    const std::size_t at = forward_path.rfind('@');
    std::uint64_t hash = 0xcbf29ce484222325u;
    if (at == std::string_view::npos) return hash;
    for (const char octet : forward_path.substr(at + 1)) {
        const bool upper = octet >= 'A' && octet <= 'Z';
        hash ^= static_cast<std::uint8_t>(upper ? octet + ('a' - 'A') : octet);
        hash *= 0x100000001b3u;
    }
    return hash;
}

// Of every recipient in the envelope, repeats included; never empty.
inline std::vector<std::uint64_t> domain_keys(Bytes envelope) {
    std::vector<std::uint64_t> keys;
    EnvelopeReader reader(envelope);
    while (const auto record = reader.next()) {
        if (record->field != EnvelopeField::forward_path) continue;
        const std::uint64_t key = domain_key(as_text(record->value));
        if (keys.empty() || keys.back() != key) keys.push_back(key);
    }
    if (keys.empty()) keys.push_back(domain_key({}));
    return keys;
}

}  // namespace ringmx::storage::delivery
