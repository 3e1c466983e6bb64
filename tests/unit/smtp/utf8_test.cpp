// Well-formedness of UTF-8 against a decoder that is written the long way round. RFC 3629 §3, §4.
#include "smtp/utf8.hpp"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace ringmx::smtp {

namespace {

std::string encode(std::uint32_t c) {
    const auto octet = [](std::uint32_t bits) { return static_cast<char>(bits); };
    if (c < 0x80) return {octet(c)};
    if (c < 0x800) return {octet(0xC0 | c >> 6), octet(0x80 | (c & 0x3F))};
    if (c < 0x10000) return {octet(0xE0 | c >> 12), octet(0x80 | (c >> 6 & 0x3F)), octet(0x80 | (c & 0x3F))};
    return {octet(0xF0 | c >> 18), octet(0x80 | (c >> 12 & 0x3F)), octet(0x80 | (c >> 6 & 0x3F)),
            octet(0x80 | (c & 0x3F))};
}

}  // namespace

TEST(Utf8, WellFormedness) {
    for (std::uint32_t c = 0; c <= 0x1FFFFF; ++c) {
        const std::string text = encode(c);
        const bool wanted = c >= 0xA0 && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        ASSERT_EQ(utf8_non_ascii_octets(text), wanted ? text.size() : 0) << c;
        if (!wanted) continue;
        ASSERT_EQ(utf8_non_ascii_octets(std::string_view(text).substr(0, text.size() - 1)), 0u) << c;
        std::string broken = text;
        broken.back() = 'x';
        ASSERT_EQ(utf8_non_ascii_octets(broken), 0u) << c;
    }
}

TEST(Utf8, OverlongFormsAreNotWellFormed) {
    for (const std::string_view text :
         {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
          "\x80", "\xBF", "\xFE", "\xFF", ""}) {
        EXPECT_EQ(utf8_non_ascii_octets(text), 0u);
    }
}

}  // namespace ringmx::smtp
