// Addresses of one client or network have one key, others have others.
#include "admission/key.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace ringmx::admission {
namespace {

PeerAddress peer(const std::string& text) {
    return Network::parse(text).value().base;
}

const Secret kSecret{{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

std::uint64_t key(const std::string& address, Kind kind, const Prefixes& prefixes = {},
                  const Secret& secret = kSecret) {
    return key_of(scope_of(peer(address), kind, prefixes), kind, secret);
}

TEST(Key, AnIpv4AddressIsAClientAndItsSlash24ANetwork) {
    EXPECT_NE(key("192.0.2.1", Kind::client), key("192.0.2.2", Kind::client));
    EXPECT_EQ(key("192.0.2.1", Kind::network), key("192.0.2.254", Kind::network));
    EXPECT_NE(key("192.0.2.1", Kind::network), key("192.0.3.1", Kind::network));
}

TEST(Key, AnIpv6Slash64IsAClientAndANetwork) {
    EXPECT_EQ(key("2001:db8:0:1::1", Kind::client), key("2001:db8:0:1:ffff:ffff:ffff:ffff", Kind::client));
    EXPECT_NE(key("2001:db8:0:1::1", Kind::client), key("2001:db8:0:2::1", Kind::client));
    EXPECT_NE(key("2001:db8:0:1::1", Kind::client), key("2001:db8:0:1::1", Kind::network))
        << "they are counted apart";
}

TEST(Key, PrefixLengthsThatAreNoWholeOctets) {
    const Prefixes prefixes{.client_ipv4 = 30, .client_ipv6 = 61, .network_ipv4 = 9, .network_ipv6 = 33};
    EXPECT_EQ(key("192.0.2.4", Kind::client, prefixes), key("192.0.2.7", Kind::client, prefixes));
    EXPECT_NE(key("192.0.2.4", Kind::client, prefixes), key("192.0.2.8", Kind::client, prefixes));
    EXPECT_EQ(key("10.0.0.1", Kind::network, prefixes), key("10.127.0.1", Kind::network, prefixes));
    EXPECT_NE(key("10.0.0.1", Kind::network, prefixes), key("10.128.0.1", Kind::network, prefixes));
    EXPECT_EQ(key("2001:db8:0:8::", Kind::client, prefixes), key("2001:db8:0:f::", Kind::client, prefixes));
    EXPECT_NE(key("2001:db8:0:8::", Kind::client, prefixes), key("2001:db8:0:10::", Kind::client, prefixes));
    const Network scope = scope_of(peer("192.0.2.7"), Kind::client, prefixes);
    std::array<char, 48> buffer;
    EXPECT_EQ(scope.base.format(buffer), "192.0.2.4");
    EXPECT_EQ(scope.prefix_bits, 30);
}

TEST(Key, ThePortIsNoPartOfIt) {
    PeerAddress a = peer("192.0.2.1");
    PeerAddress b = a;
    a.port = 1000;
    b.port = 2000;
    EXPECT_EQ(key_of(scope_of(a, Kind::client, {}), Kind::client, kSecret),
              key_of(scope_of(b, Kind::client, {}), Kind::client, kSecret));
}

TEST(Key, DependsOnTheSecret) {
    EXPECT_NE(key("192.0.2.1", Kind::client), key("192.0.2.1", Kind::client, {}, Secret{{1, 2}}));
    EXPECT_NE(Secret::random().words, Secret::random().words);
}

TEST(Key, NeighboursDifferInTheBitsThatChooseTheirPlaces) {
    std::set<std::uint64_t> low, high;
    for (int i = 0; i < 256; ++i) {
        const std::uint64_t k = key("198.51.100." + std::to_string(i), Kind::client);
        low.insert(k & 0xffff);
        high.insert(k >> 38);
    }
    EXPECT_GT(low.size(), 250u);
    EXPECT_EQ(high.size(), 256u);
}

}  // namespace
}  // namespace ringmx::admission
