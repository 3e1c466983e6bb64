// PROXY headers as octets, and what a decoder makes of octets in pieces.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/decoder.hpp"
#include "proxy/wire.hpp"
#include "scan/data_scan.hpp"

namespace ringmx::proxy::test {

inline std::string u16(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
}
inline std::string tlv(std::uint8_t type, std::string_view value) {
    return std::string(1, static_cast<char>(type)) + u16(value.size()) + std::string(value);
}

constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;

inline std::string binary(std::uint8_t command, std::uint8_t family, std::string_view block) {
    return std::string(kBinarySignature) + static_cast<char>(command) + static_cast<char>(family) +
           u16(block.size()) + std::string(block);
}
// 192.0.2.1:56324 to 198.51.100.1:25.
inline std::string addresses4() {
    return std::string("\xc0\x00\x02\x01\xc6\x33\x64\x01", 8) + u16(56324) + u16(25);
}
// 2001:db8::1 to 2001:db8::2, the same ports.
inline std::string addresses6() {
    const std::string network = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0');
    return network + '\x01' + network + '\x02' + u16(56324) + u16(25);
}

// The header with a TLV for its checksum at the end, filled in.
inline std::string with_checksum(std::uint8_t command, std::uint8_t family, const std::string& block) {
    std::string octets = binary(command, family, block + tlv(0x03, std::string(4, '\0')));
    const std::uint32_t crc = scan::crc32c(0, as_bytes(octets));
    for (std::size_t i = 0; i < 4; ++i)
        octets[octets.size() - 4 + i] = static_cast<char>(crc >> (24 - 8 * i));
    return octets;
}

inline std::string text(const PeerAddress& address) {
    std::array<char, 48> buffer;
    return std::string(address.format(buffer)) + " " + std::to_string(address.port);
}

// All that a decoder says, as text; equal for every way to cut the input.
inline std::string described(const Decoder& decoder, std::size_t taken) {
    if (decoder.state() == Decoder::State::more) return "more after " + std::to_string(taken);
    if (decoder.state() == Decoder::State::failed) return std::string(to_string(decoder.failure()));
    const Header& header = decoder.header();
    std::string result = "v" + std::to_string(header.version) + " " + std::to_string(taken) + ": " +
                         text(header.client) + " to " + text(header.destination);
    if (header.tls.active) {
        result += " tls=" + std::string(header.tls.version) + "/" + std::string(header.tls.cipher) + "/" +
                  std::string(header.tls.client_name) + (header.tls.client_verified ? " verified" : "");
    }
    if (!header.authority.empty()) result += " authority=" + std::string(header.authority);
    if (!header.unique_id.empty()) result += " id=" + std::string(header.unique_id);
    return result;
}

// The input in pieces that end at `cuts`, each in a block of its own, so that a sanitizer sees what is kept.
inline std::string decode(std::string_view octets, std::initializer_list<std::size_t> cuts = {}) {
    Decoder decoder;
    std::size_t taken = 0;
    std::size_t from = 0;
    std::string all(octets);
    std::vector<std::size_t> ends(cuts);
    ends.push_back(octets.size());
    for (const std::size_t end : ends) {
        const std::size_t size = end - from;
        const auto block = std::make_unique<char[]>(size);
        std::copy_n(octets.begin() + static_cast<std::ptrdiff_t>(from), size, block.get());
        const std::size_t here = decoder.feed(as_bytes({block.get(), size}));
        taken += here;
        from = end;
        if (here < size) break;
    }
    return described(decoder, taken);
}

}  // namespace ringmx::proxy::test
