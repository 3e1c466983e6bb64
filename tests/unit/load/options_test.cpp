// Values of the command line: what they mean, and which are refused.
#include "options.hpp"

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

TEST(Options, SizesHaveUnits) {
    EXPECT_EQ(*parse_size("1024"), 1024u);
    EXPECT_EQ(*parse_size("10KiB"), 10240u);
    EXPECT_EQ(*parse_size("1.5MiB"), 1572864u);
    EXPECT_EQ(*parse_size("2MB"), 2000000u);
    for (const char* wrong : {"", "KiB", "-1", "10Kib", "10 KiB", "nan"})
        EXPECT_FALSE(parse_size(wrong).ok()) << wrong;
}

TEST(Options, DurationsHaveUnits) {
    EXPECT_DOUBLE_EQ(*parse_duration("30"), 30);
    EXPECT_DOUBLE_EQ(*parse_duration("250ms"), 0.25);
    EXPECT_DOUBLE_EQ(*parse_duration("5m"), 300);
    EXPECT_DOUBLE_EQ(*parse_duration("1h"), 3600);
    for (const char* wrong : {"", "s", "-1s", "3 s", "3d", "inf"})
        EXPECT_FALSE(parse_duration(wrong).ok()) << wrong;
}

TEST(Options, SharesArePercentOrFractions) {
    EXPECT_DOUBLE_EQ(*parse_share("5%"), 0.05);
    EXPECT_DOUBLE_EQ(*parse_share("0.25"), 0.25);
    for (const char* wrong : {"", "101%", "5", "-1%", "%"})
        EXPECT_FALSE(parse_share(wrong).ok()) << wrong;
}

TEST(Options, TargetsAreHostAndPort) {
    const auto v4 = parse_target("127.0.0.1:2525");
    ASSERT_TRUE(v4.ok());
    EXPECT_EQ(v4->host, "127.0.0.1");
    EXPECT_EQ(v4->port, 2525);
    EXPECT_TRUE(v4->loopback);
    EXPECT_EQ(parse_target("127.9.8.7")->port, 25);
    const auto v6 = parse_target("[::1]:26");
    ASSERT_TRUE(v6.ok());
    EXPECT_EQ(v6->port, 26);
    EXPECT_TRUE(v6->loopback);
    EXPECT_EQ(parse_target("::1")->port, 25);
    EXPECT_TRUE(parse_target("[::ffff:127.0.0.1]:25")->loopback);
    for (const char* wrong : {"", ":25", "127.0.0.1:", "127.0.0.1:port", "[::1", "[::1]25"})
        EXPECT_FALSE(parse_target(wrong).ok()) << wrong;
}

TEST(Options, OtherHostsAreNotLoopback) {
    EXPECT_FALSE(parse_target("192.0.2.1:25")->loopback);
    EXPECT_FALSE(parse_target("128.0.0.1:25")->loopback);
    EXPECT_FALSE(parse_target("[2001:db8::1]:25")->loopback);
    EXPECT_FALSE(parse_target("0.0.0.0:25")->loopback);
}

}  // namespace
}  // namespace ringmx::load
