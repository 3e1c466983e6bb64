// Well-formed UTF-8 against the definition: code points encoded, and every two-octet start.
#include "base/utf8.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace ringmx {
namespace {

std::string encode(std::uint32_t code, int octets) {
    if (octets == 1) return {static_cast<char>(code)};
    std::string out;
    static constexpr unsigned kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out += static_cast<char>(kLead[octets] | code >> (6 * (octets - 1)));
    for (int at = octets - 2; at >= 0; --at)
        out += static_cast<char>(0x80 | (code >> (6 * at) & 0x3f));
    return out;
}

int shortest(std::uint32_t code) {
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

TEST(Utf8, CodePointsAreWellFormedInTheirShortestFormOnly) {
    for (std::uint32_t code = 0; code < 0x11'0100; ++code) {
        const bool scalar = code <= 0x10'FFFF && (code < 0xD800 || code > 0xDFFF);
        for (int octets = 2; octets <= 4; ++octets) {
            if (octets < 4 && code >= (1u << (octets == 2 ? 11 : 16))) continue;
            const std::size_t expected =
                scalar && octets == shortest(code) ? static_cast<std::size_t>(octets) : 0;
            ASSERT_EQ(utf8_multibyte_length(encode(code, octets) + "x"), expected)
                << code << " in " << octets;
        }
    }
}

TEST(Utf8, CutSequencesAreNotWellFormed) {
    const std::string text = "\xF0\x9F\x93\xAC";
    EXPECT_EQ(utf8_multibyte_length(text), 4u);
    for (std::size_t size = 0; size < text.size(); ++size)
        EXPECT_EQ(utf8_multibyte_length(text.substr(0, size)), 0u);
    EXPECT_EQ(utf8_multibyte_length("\xC3x"), 0u);
    EXPECT_EQ(utf8_multibyte_length("\xE2\x82x"), 0u);
    EXPECT_EQ(utf8_multibyte_length("\x80\x80"), 0u);
    EXPECT_EQ(utf8_multibyte_length("ab"), 0u);
}

}  // namespace
}  // namespace ringmx
