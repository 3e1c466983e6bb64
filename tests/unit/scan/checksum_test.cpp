#include <vector>

#include <gtest/gtest.h>

#include "scan/data_scan.hpp"

namespace ringmx::scan {
namespace {

// RFC 3720 §B.4, and the check value of the CRC catalogues.
TEST(Crc32c, KnownValues) {
    std::vector<std::byte> zeros(32, std::byte{0});
    std::vector<std::byte> ones(32, std::byte{0xff});
    std::vector<std::byte> rising(32);
    for (std::size_t i = 0; i < 32; ++i)
        rising[i] = static_cast<std::byte>(i);
    for (const Kernels* kernels : available_kernels()) {
        SCOPED_TRACE(kernels->name);
        EXPECT_EQ(kernels->crc32c(0, {}), 0u);
        EXPECT_EQ(kernels->crc32c(0, as_bytes("123456789")), 0xE3069283u);
        EXPECT_EQ(kernels->crc32c(0, zeros), 0x8A9136AAu);
        EXPECT_EQ(kernels->crc32c(0, ones), 0x62A8AB43u);
        EXPECT_EQ(kernels->crc32c(0, rising), 0x46DD794Eu);
    }
}

// Lengths around the lanes' sizes, and every alignment of eight.
TEST(Crc32c, EveryLengthAndAlignmentEqualsTheScalarOne) {
    std::vector<std::byte> data(8000);
    std::uint32_t x = 1;
    for (std::byte& octet : data)
        octet = static_cast<std::byte>((x = x * 1664525 + 1013904223) >> 24);
    for (const Kernels* kernels : available_kernels()) {
        for (std::size_t size = 0; size < 7900; size += size < 500 ? 1 : 37) {
            for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
                const Bytes view{data.data() + offset, size};
                ASSERT_EQ(kernels->crc32c(7, view), scalar_kernels().crc32c(7, view))
                    << kernels->name << " " << size;
            }
        }
    }
}

TEST(Crc32c, Chains) {
    const std::string_view text = "chains of any split give the same value as the whole";
    for (const Kernels* kernels : available_kernels()) {
        const std::uint32_t whole = kernels->crc32c(0, as_bytes(text));
        for (std::size_t split = 0; split <= text.size(); ++split) {
            const std::uint32_t first = kernels->crc32c(0, as_bytes(text.substr(0, split)));
            EXPECT_EQ(kernels->crc32c(first, as_bytes(text.substr(split))), whole);
        }
    }
}

}  // namespace
}  // namespace ringmx::scan
