#include "crc32c.hpp"

#include <array>
#include <cstring>

namespace ringmx::records {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78u;  // 0x1edc6f41, bits reversed
using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
    Table table{};
    for (std::uint32_t octet = 0; octet < 256; ++octet) {
        std::uint32_t crc = octet;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? polynomial : 0);
        table[0][octet] = crc;
    }
    for (std::size_t slice = 1; slice < table.size(); ++slice) {
        for (std::size_t octet = 0; octet < 256; ++octet) {
            const std::uint32_t before = table[slice - 1][octet];
            table[slice][octet] = (before >> 8) ^ table[0][before & 0xff];
        }
    }
    return table;
}

constexpr Table table = make_table();

std::uint32_t load32(const char* at) {  // little endian, as on every machine that ringmx runs on
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
}

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) {
    crc = ~crc;
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        const std::uint32_t low = crc ^ load32(at);
        const std::uint32_t high = load32(at + 4);
        crc = table[7][low & 0xff] ^ table[6][(low >> 8) & 0xff] ^ table[5][(low >> 16) & 0xff] ^
              table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][(high >> 8) & 0xff] ^
              table[1][(high >> 16) & 0xff] ^ table[0][high >> 24];
    }
    for (; left > 0; ++at, --left)
        crc = (crc >> 8) ^ table[0][(crc ^ static_cast<unsigned char>(*at)) & 0xff];
    return ~crc;
}

}  // namespace ringmx::records
