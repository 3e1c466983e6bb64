// Client addresses and networks.
#include "base/peer.hpp"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ringmx {
namespace {

PeerAddress from_ipv4(const char* text, std::uint16_t port) {
    sockaddr_storage storage{};
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, text, &in.sin_addr), 1);
    return PeerAddress::from_sockaddr(reinterpret_cast<sockaddr&>(storage));
}

PeerAddress from_ipv6(const char* text, std::uint16_t port) {
    sockaddr_storage storage{};
    auto& in = reinterpret_cast<sockaddr_in6&>(storage);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
    return PeerAddress::from_sockaddr(reinterpret_cast<sockaddr&>(storage));
}

std::string text(const PeerAddress& peer) {
    std::array<char, 48> buffer;
    return std::string(peer.format(buffer));
}

std::string literal(const PeerAddress& peer) {
    std::array<char, 48> buffer;
    return std::string(peer.format_literal(buffer));
}

TEST(PeerAddress, Ipv4IsReadAndPrinted) {
    const PeerAddress peer = from_ipv4("192.0.2.1", 50000);
    EXPECT_EQ(peer.family, PeerAddress::Family::ipv4);
    EXPECT_EQ(peer.port, 50000);
    EXPECT_EQ(text(peer), "192.0.2.1");
    EXPECT_EQ(literal(peer), "192.0.2.1");
}

TEST(PeerAddress, Ipv6IsReadAndPrinted) {
    const PeerAddress peer = from_ipv6("2001:DB8:0:0::1", 25);
    EXPECT_EQ(peer.family, PeerAddress::Family::ipv6);
    EXPECT_EQ(peer.port, 25);
    EXPECT_EQ(text(peer), "2001:db8::1");
    EXPECT_EQ(literal(peer), "IPv6:2001:db8::1");
}

TEST(PeerAddress, MappedIpv6IsIpv4) {
    EXPECT_EQ(from_ipv6("::ffff:192.0.2.1", 25), from_ipv4("192.0.2.1", 25));
    EXPECT_EQ(from_ipv6("::fffe:c000:201", 25).family, PeerAddress::Family::ipv6);
}

TEST(PeerAddress, LongestAddressesFitTheBuffer) {
    const char* const longest = "1111:2222:3333:4444:5555:6666:7777:8888";
    EXPECT_EQ(text(from_ipv6(longest, 1)), longest);
    EXPECT_EQ(literal(from_ipv6(longest, 1)), std::string("IPv6:") + longest);
    EXPECT_EQ(text(from_ipv4("255.255.255.255", 1)), "255.255.255.255");
}

TEST(PeerAddress, Ipv4IsPrintedAsTheSystemPrintsIt) {
    for (unsigned octet = 0; octet < 256; ++octet) {
        PeerAddress peer;
        peer.family = PeerAddress::Family::ipv4;
        for (std::size_t at = 0; at < 4; ++at)
            peer.bytes[at] = static_cast<std::uint8_t>(octet + 85 * at);
        char expected[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, peer.bytes.data(), expected, sizeof expected);
        EXPECT_EQ(text(peer), expected);
    }
}

TEST(PeerAddress, OtherFamiliesAreNone) {
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;
    const PeerAddress peer = PeerAddress::from_sockaddr(reinterpret_cast<sockaddr&>(storage));
    EXPECT_EQ(peer, PeerAddress{});
    EXPECT_EQ(text(peer), "unknown");
}

TEST(Network, TextIsParsed) {
    struct Case {
        std::string_view text;
        PeerAddress::Family family;
        int prefix_bits;
    };
    using enum PeerAddress::Family;
    const Case cases[] = {
        {"192.0.2.0/24", ipv4, 24},
        {"0.0.0.0/0", ipv4, 0},
        {"192.0.2.1", ipv4, 32},
        {"192.0.2.1/32", ipv4, 32},
        {"2001:db8::/32", ipv6, 32},
        {"::/0", ipv6, 0},
        {"::1", ipv6, 128},
        {"2001:db8::1/128", ipv6, 128},
        {"::ffff:192.0.2.0/120", ipv4, 24},
        {"::ffff:192.0.2.1", ipv4, 32},
        {"::ffff:0:0/96", ipv4, 0},
    };
    for (const Case& c : cases) {
        const auto network = Network::parse(c.text);
        ASSERT_TRUE(network.has_value()) << c.text;
        EXPECT_EQ(network->base.family, c.family) << c.text;
        EXPECT_EQ(network->prefix_bits, c.prefix_bits) << c.text;
    }
}

TEST(Network, MalformedTextIsRefused) {
    using namespace std::string_view_literals;
    for (const std::string_view text :
         {""sv,
          "/24"sv,
          "192.0.2.0/"sv,
          "192.0.2.0/33"sv,
          "192.0.2.0/-1"sv,
          "192.0.2.0/+8"sv,
          "192.0.2.0/8x"sv,
          "192.0.2.0/8/8"sv,
          "192.0.2.0 /8"sv,
          "192.0.2.0/ 8"sv,
          "192.0.2"sv,
          "192.0.2.256"sv,
          "2001:db8::/129"sv,
          "2001:db8:::1"sv,
          "example.com"sv,
          "192.0.2.1\0"sv,
          "192.0.2.1\0x/8"sv,
          "[::1]"sv,
          "fe80::1%eth0"sv,
          "192.0.2.0/99999999999"sv,
          "::ffff:0:0/95"sv,
          "1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:5555:6666:7777:8888"sv}) {
        EXPECT_FALSE(Network::parse(text).has_value()) << text;
    }
}

TEST(Network, ContainsItsAddresses) {
    struct Case {
        std::string_view network, address;
        bool contained;
    };
    const Case cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.77/24", "192.0.2.1", true},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"10.0.0.0/9", "10.127.255.255", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"0.0.0.0/0", "203.0.113.5", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8::1/128", "2001:db8::1", true},
        {"2001:db8::1/128", "2001:db8::2", false},
        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
        {"::ffff:192.0.2.0/120", "192.0.3.9", false},
    };
    for (const Case& c : cases) {
        const auto network = Network::parse(c.network);
        ASSERT_TRUE(network.has_value()) << c.network;
        const std::string address(c.address);
        const bool ipv6 = address.find(':') != std::string::npos;
        const PeerAddress peer = ipv6 ? from_ipv6(address.c_str(), 1) : from_ipv4(address.c_str(), 1);
        EXPECT_EQ(network->contains(peer), c.contained) << c.network << " " << c.address;
    }
}

TEST(Network, UnknownAddressIsInNoNetwork) {
    EXPECT_FALSE(Network::parse("0.0.0.0/0")->contains(PeerAddress{}));
    EXPECT_FALSE(Network::parse("::/0")->contains(PeerAddress{}));
    EXPECT_FALSE(Network{}.contains(PeerAddress{}));
}

TEST(PeerAddress, FromOctetsOfEitherFamily) {
    std::array<std::byte, 16> octets{};
    octets[0] = std::byte{192};
    octets[3] = std::byte{1};
    std::array<char, 48> buffer;
    const PeerAddress v4 = PeerAddress::from_octets(Bytes(octets).first(4), 25);
    EXPECT_EQ(v4.format(buffer), "192.0.0.1");
    EXPECT_EQ(v4.port, 25);
    EXPECT_EQ(PeerAddress::from_octets(octets, 1).format(buffer), "c000:1::");
    octets = {};
    octets[10] = octets[11] = std::byte{0xff};
    octets[15] = std::byte{7};
    EXPECT_EQ(PeerAddress::from_octets(octets, 1).format(buffer), "0.0.0.7");
}

TEST(PeerAddress, TextOfOneFamily) {
    std::array<char, 48> buffer;
    EXPECT_EQ(PeerAddress::parse_ipv4("192.0.2.1")->format(buffer), "192.0.2.1");
    EXPECT_EQ(PeerAddress::parse_ipv6("2001:DB8::1")->format(buffer), "2001:db8::1");
    EXPECT_EQ(PeerAddress::parse_ipv6("::ffff:192.0.2.1")->format(buffer), "192.0.2.1");
    for (const char* text : {"", "192.0.2", "192.0.2.1/32", "::1", "::ffff:192.0.2.1", "192.0.2.01", "x"})
        EXPECT_FALSE(PeerAddress::parse_ipv4(text)) << text;
    for (const char* text : {"", "192.0.2.1", "::1/128", ":", "2001:db8::1::2", "[::1]", "fe80::1%lo"})
        EXPECT_FALSE(PeerAddress::parse_ipv6(text)) << text;
}

}  // namespace
}  // namespace ringmx
