// Version 1, as proxy-protocol.txt 2.1 has it: nothing but the canonical form is taken.
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "headers.hpp"

namespace ringmx::proxy::test {
namespace {

TEST(TextHeader, NamesClientAndDestination) {
    EXPECT_EQ(decode("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n"),
              "v1 44: 192.0.2.1 56324 to 198.51.100.1 25");
    EXPECT_EQ(decode("PROXY TCP6 2001:db8::1 2001:DB8::2 65535 0\r\n"),
              "v1 44: 2001:db8::1 65535 to 2001:db8::2 0");
    EXPECT_EQ(decode("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "v1 37: 192.0.2.1 1 to ::1 2");
}

TEST(TextHeader, UnknownNamesNobodyWhateverFollows) {
    EXPECT_EQ(decode("PROXY UNKNOWN\r\n"), "v1 15: unknown 0 to unknown 0");
    const std::string worst =
        "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    ASSERT_EQ(worst.size(), limits::proxy_header_v1_octets_max);
    EXPECT_EQ(decode(worst), "v1 107: unknown 0 to unknown 0");
    EXPECT_EQ(decode("PROXY UNKNOWN x\r\n"), "v1 17: unknown 0 to unknown 0");
    EXPECT_EQ(decode("PROXY UNKNOWNS\r\n"), "malformed");
}

TEST(TextHeader, AnythingElseIsMalformed) {
    for (const char* line : {
             "PROXY \r\n",
             "PROXY TCP4\r\n",
             "PROXY TCP4 \r\n",
             "PROXY TCP5 192.0.2.1 198.51.100.1 56324 25\r\n",
             "PROXY tcp4 192.0.2.1 198.51.100.1 56324 25\r\n",
             "PROXY UDP4 192.0.2.1 198.51.100.1 56324 25\r\n",
             "PROXY  TCP4 192.0.2.1 198.51.100.1 56324 25\r\n",
             "PROXY TCP4  192.0.2.1 198.51.100.1 56324 25\r\n",
             "PROXY TCP4 192.0.2.1  198.51.100.1 56324 25\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324  25\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25 \r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25 x\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324 \r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 056324 25\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324 00\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 -1 25\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 +1 25\r\n",
             "PROXY TCP4 192.0.2.01 198.51.100.1 56324 25\r\n",
             "PROXY TCP4 192.0.2 198.51.100.1 56324 25\r\n",
             "PROXY TCP4 192.0.2.0/24 198.51.100.1 56324 25\r\n",
             "PROXY TCP4 2001:db8::1 2001:db8::2 56324 25\r\n",
             "PROXY TCP6 192.0.2.1 198.51.100.1 56324 25\r\n",
             "PROXY TCP6 2001:db8::1/32 2001:db8::2 56324 25\r\n",
             "PROXY TCP6 fe80::1%lo 2001:db8::2 56324 25\r\n",
             "PROXY TCP6 2001:db8:::1 2001:db8::2 56324 25\r\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\n",
             "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\rx\r\n",
             "PROXY UNKNOWN\n",
             "PROXY UNKNOWN \r \r\n",
         }) {
        EXPECT_EQ(decode(line), "malformed") << line;
    }
    EXPECT_EQ(decode(std::string_view("PROXY TCP4 192.0.2.1\0 198.51.100.1 56324 25\r\n", 45)), "malformed");
}

TEST(TextHeader, WithoutAnEndItIsTooLong) {
    const std::string line = "PROXY UNKNOWN " + std::string(200, 'x');
    for (std::size_t octets = 6; octets < limits::proxy_header_v1_octets_max; ++octets)
        EXPECT_EQ(decode(line.substr(0, octets)), "more after " + std::to_string(octets));
    EXPECT_EQ(decode(line.substr(0, limits::proxy_header_v1_octets_max)), "too-long");
    EXPECT_EQ(decode(line + "\r\n"), "too-long");
}

}  // namespace
}  // namespace ringmx::proxy::test
