// Sizes and durations, written and read.
#include "config/units.hpp"

#include <gtest/gtest.h>

namespace ringmx::config {
namespace {

TEST(Units, SizesAreReadWithAndWithoutUnit) {
    EXPECT_EQ(parse_size("0"), 0u);
    EXPECT_EQ(parse_size("4096"), 4096u);
    EXPECT_EQ(parse_size("512B"), 512u);
    EXPECT_EQ(parse_size("64KiB"), 65536u);
    EXPECT_EQ(parse_size("256MiB"), 256u << 20);
    EXPECT_EQ(parse_size("2GiB"), std::uint64_t{2} << 30);
    EXPECT_EQ(parse_size("3TiB"), std::uint64_t{3} << 40);
    EXPECT_EQ(parse_size("64 KiB"), 65536u);
}

TEST(Units, WhatIsNoSizeIsRefused) {
    for (const char* text :
         {"", " ", "KiB", "64KB", "64K", "64kib", "-1", "+1", "1.5GiB", "64  KiB", "64KiB ", " 64",
          "18446744073709551616", "16777216TiB", "0x10", "64KiBx", "64 "}) {
        EXPECT_EQ(parse_size(text), std::nullopt) << '"' << text << '"';
    }
}

TEST(Units, LargestSizeIsReadExactly) {
    EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_size("16777215TiB"), std::uint64_t{16777215} << 40);
}

TEST(Units, DurationsAreReadWithAndWithoutUnit) {
    EXPECT_EQ(parse_duration("30"), 30u);
    EXPECT_EQ(parse_duration("30s"), 30u);
    EXPECT_EQ(parse_duration("5m"), 300u);
    EXPECT_EQ(parse_duration("2h"), 7200u);
    EXPECT_EQ(parse_duration("1d"), 86400u);
    for (const char* text : {"", "m", "5min", "1m30s", "-5m", "5M", "1.5h", "500ms"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Units, WrittenSizesAndDurationsAreReadBack) {
    for (const std::uint64_t value :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{60}, std::uint64_t{90}, std::uint64_t{65536},
          std::uint64_t{65537}, std::uint64_t{86400}, std::uint64_t{5} << 30, UINT64_MAX}) {
        EXPECT_EQ(parse_size(format_size(value)), value);
        EXPECT_EQ(parse_duration(format_duration(value)), value);
    }
    EXPECT_EQ(format_size(65536), "64KiB");
    EXPECT_EQ(format_size(65537), "65537B");
    EXPECT_EQ(format_duration(300), "5m");
    EXPECT_EQ(format_duration(90), "90s");
    EXPECT_EQ(format_duration(0), "0s");
}

}  // namespace
}  // namespace ringmx::config
