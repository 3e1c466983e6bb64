// SHA-256 (FIPS 180-4), for names that must differ where what they stand for differs, and for comparing mail
// in tools. A copy of the object is a snapshot: hash a common beginning once, and copy it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ringmx {

class Sha256 {
 public:
    using Digest = std::array<std::uint8_t, 32>;

    void add(Bytes bytes);
    void add(std::string_view text) { add(as_bytes(text)); }
    // Ends the message; the object must not be used afterwards.
    Digest finish();

 private:
    static constexpr std::size_t kBlockBytes = 64;
    void block(const std::uint8_t* data);

    std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, kBlockBytes> rest_{};
    std::uint64_t octets_ = 0;
};

// Lower case hexadecimal.
std::string to_hex(const Sha256::Digest& digest);
// Of a whole text, 64 digits.
std::string sha256_hex(std::string_view text);

}  // namespace ringmx
