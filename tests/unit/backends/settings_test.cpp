#include "common/settings.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "lmtp/address.hpp"

namespace ringmx::backends {
namespace {

using std::chrono::seconds;

plugin::Options option(const char* name, const char* value) {
    const ringmx_option one{sizeof(ringmx_option), 0, name, value};
    return plugin::Options(&one, 1);
}

std::int64_t duration(const char* value) {
    return duration_option(option("timeout", value), "timeout", seconds(7), seconds(1), seconds(86400))
        .count();
}

TEST(Settings, DurationsAreAsInTheConfiguration) {
    EXPECT_EQ(duration("30"), 30'000);
    EXPECT_EQ(duration("30s"), 30'000);
    EXPECT_EQ(duration("5m"), 300'000);
    EXPECT_EQ(duration("2h"), 7'200'000);
    EXPECT_EQ(duration("1d"), 86'400'000);
    for (const char* bad :
         {"", "0", "0s", "-1", "1.5", "5x", "m", "2d", "99999999999999999999", "99999999999d", "5 s"})
        EXPECT_THROW(duration(bad), std::runtime_error) << bad;
    const plugin::Options none(nullptr, 0);
    EXPECT_EQ(duration_option(none, "timeout", seconds(7), seconds(1), seconds(9)).count(), 7000);
}

TEST(Settings, DurabilityIsAWord) {
    EXPECT_EQ(durability_option(plugin::Options(nullptr, 0)), RINGMX_DURABLE_MACHINE);
    EXPECT_EQ(durability_option(option("durability", "none")), RINGMX_DURABLE_NONE);
    EXPECT_EQ(durability_option(option("durability", "process")), RINGMX_DURABLE_PROCESS);
    EXPECT_EQ(durability_option(option("durability", "machine")), RINGMX_DURABLE_MACHINE);
    EXPECT_EQ(durability_option(option("durability", "replicated")), RINGMX_DURABLE_REPLICATED);
    EXPECT_THROW(durability_option(option("durability", "sure")), std::runtime_error);
}

TEST(Settings, NothingInPrintableTextEndsALine) {
    EXPECT_EQ(printable("a\r\nb\tc\x1b\x7f\xc3\xbc\0d"), "a  b c????");
    EXPECT_EQ(printable(std::string(300, 'x')).size(), 200u);
}

TEST(Address, IsAHostWithAPortOrAPath) {
    const auto text_of = [](std::string_view text) {
        const lmtp::Address address = lmtp::parse_address(text);
        return address.path + "|" + address.host + "|" + address.port;
    };
    EXPECT_EQ(text_of("mail.example.com:24"), "|mail.example.com|24");
    EXPECT_EQ(text_of("[::1]:2424"), "|::1|2424");
    EXPECT_EQ(text_of("/run/lmtp"), "/run/lmtp||");
    EXPECT_EQ(text_of("unix:/run/lmtp"), "/run/lmtp||");
    for (const char* bad :
         {"", "host", "host:", "host:0", "host:65536", "::1:24", ":24", "host:2x", "unix:lmtp"})
        EXPECT_THROW(lmtp::parse_address(bad), std::runtime_error) << bad;
    EXPECT_THROW(lmtp::parse_address("/" + std::string(200, 'x')), std::runtime_error);
    std::string error;
    EXPECT_EQ(lmtp::resolve(lmtp::parse_address("127.0.0.1:24"), error).size(), 1u);
}

}  // namespace
}  // namespace ringmx::backends
