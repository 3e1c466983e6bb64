// Version 2, as proxy-protocol.txt 2.2 has it.
#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "headers.hpp"

namespace ringmx::proxy::test {
namespace {

using namespace std::string_literals;

constexpr const char* kFour = "192.0.2.1 56324 to 198.51.100.1 25";
constexpr const char* kSix = "2001:db8::1 56324 to 2001:db8::2 25";
constexpr const char* kNobody = "unknown 0 to unknown 0";

std::string ssl(std::uint8_t client, std::uint32_t verify, const std::string& subs) {
    std::string value(1, static_cast<char>(client));
    for (int shift = 24; shift >= 0; shift -= 8)
        value += static_cast<char>(verify >> shift);
    return tlv(0x20, value + subs);
}

TEST(BinaryHeader, NamesClientAndDestination) {
    EXPECT_EQ(decode(binary(kProxy, kTcp4, addresses4())), "v2 28: "s + kFour);
    EXPECT_EQ(decode(binary(kProxy, kTcp6, addresses6())), "v2 52: "s + kSix);
    const std::string mapped = std::string(10, '\0') + "\xff\xff\xc0\x00\x02\x01"s;
    EXPECT_EQ(decode(binary(kProxy, kTcp6, mapped + mapped + u16(1) + u16(2))),
              "v2 52: 192.0.2.1 1 to 192.0.2.1 2");
}

TEST(BinaryHeader, LocalAndWhatIsNoTcpNamesNobody) {
    EXPECT_EQ(decode(binary(kLocal, 0, "")), "v2 16: "s + kNobody);
    EXPECT_EQ(decode(binary(kLocal, kTcp4, addresses4())), "v2 28: "s + kNobody);
    EXPECT_EQ(decode(binary(kLocal, 0xff, "anything")), "v2 24: "s + kNobody);
    EXPECT_EQ(decode(binary(kProxy, 0x00, addresses4())), "v2 28: "s + kNobody);
    EXPECT_EQ(decode(binary(kProxy, 0x10, addresses4())), "v2 28: "s + kNobody);
    EXPECT_EQ(decode(binary(kProxy, 0x12, addresses4())), "v2 28: "s + kNobody);
    EXPECT_EQ(decode(binary(kProxy, 0x31, std::string(216, 'x'))), "v2 232: "s + kNobody);
}

TEST(BinaryHeader, WhatIsUnassignedIsMalformed) {
    for (const int command : {0x00, 0x01, 0x11, 0x31, 0x22, 0x2f}) {
        EXPECT_EQ(decode(binary(static_cast<std::uint8_t>(command), kTcp4, addresses4())), "malformed")
            << command;
    }
    for (const int family : {0x13, 0x41, 0xf1, 0x1f}) {
        EXPECT_EQ(decode(binary(kProxy, static_cast<std::uint8_t>(family), addresses4())), "malformed")
            << family;
    }
}

TEST(BinaryHeader, AddressesMustFit) {
    for (std::size_t octets = 0; octets < addresses4().size(); ++octets)
        EXPECT_EQ(decode(binary(kProxy, kTcp4, addresses4().substr(0, octets))), "malformed") << octets;
    for (std::size_t octets = 0; octets < addresses6().size(); ++octets)
        EXPECT_EQ(decode(binary(kProxy, kTcp6, addresses6().substr(0, octets))), "malformed") << octets;
    EXPECT_EQ(decode(binary(kProxy, 0x31, std::string(215, 'x'))), "malformed");
}

TEST(BinaryHeader, KnownTypesAreFactsAndUnknownOnesAreSkipped) {
    const std::string block =
        addresses4() + tlv(0x04, "") + tlv(0xE0, "mine") + tlv(0x02, "mx.example.com") + tlv(0x01, "smtp") +
        tlv(0x30, "ns") + tlv(0x05, "id-7") +
        ssl(0x01, 0, tlv(0x21, "TLSv1.3") + tlv(0x24, "RSA-SHA256") + tlv(0x23, "TLS_AES_256_GCM_SHA384"));
    EXPECT_EQ(decode(binary(kProxy, kTcp4, block)),
              "v2 " + std::to_string(16 + block.size()) + ": " + kFour +
                  " tls=TLSv1.3/TLS_AES_256_GCM_SHA384/ authority=mx.example.com id=id-7");
}

TEST(BinaryHeader, ClientCertificates) {
    const auto what = [](std::uint8_t client, std::uint32_t verify) {
        const std::string result =
            decode(binary(kProxy, kTcp4, addresses4() + ssl(client, verify, tlv(0x22, "joe"))));
        return result.substr(result.find(kFour) + std::string(kFour).size());
    };
    EXPECT_EQ(what(0x07, 0), " tls=//joe verified");
    EXPECT_EQ(what(0x05, 0), " tls=//joe verified");
    EXPECT_EQ(what(0x07, 18), " tls=//joe");
    EXPECT_EQ(what(0x01, 0), " tls=//joe");  // none was shown: there was nothing to verify
    EXPECT_EQ(what(0x00, 0), "");            // no TLS
}

TEST(BinaryHeader, TypesMustAddUp) {
    const std::string good = tlv(0xE0, "x") + ssl(1, 0, tlv(0x21, "TLSv1.3"));
    for (std::size_t octets = 1; octets < good.size(); ++octets) {
        const bool whole = octets == tlv(0xE0, "x").size();
        EXPECT_EQ(decode(binary(kProxy, kTcp4, addresses4() + good.substr(0, octets))) == "malformed", !whole)
            << octets;
    }
    for (const std::string& bad :
         {tlv(0x20, "\x01\0\0\0"s), tlv(0x20, "\x01\0\0\0\0\x21"s), tlv(0x20, "\x01\0\0\0\0\x21\0\x02x"s),
          tlv(0x03, "123"), tlv(0x03, "12345")})
        EXPECT_EQ(decode(binary(kProxy, kTcp4, addresses4() + bad)), "malformed");
}

TEST(BinaryHeader, TextsBeyondTheirLimitAreLeftOut) {
    const auto value = [](std::uint8_t type, std::size_t octets) {
        return decode(binary(kProxy, kTcp4, addresses4() + tlv(type, std::string(octets, 'x'))));
    };
    EXPECT_NE(value(0x02, limits::proxy_text_octets_max).find(" authority=x"), std::string::npos);
    EXPECT_EQ(value(0x02, limits::proxy_text_octets_max + 1).find(" authority"), std::string::npos);
    EXPECT_NE(value(0x05, limits::proxy_unique_id_octets_max).find(" id=x"), std::string::npos);
    EXPECT_EQ(value(0x05, limits::proxy_unique_id_octets_max + 1).find(" id"), std::string::npos);
}

TEST(BinaryHeader, ChecksumMustBeThatOfTheHeader) {
    for (const auto& [command, family, block] :
         {std::tuple(kProxy, kTcp4, addresses4()), std::tuple(kProxy, kTcp6, addresses6() + tlv(0x02, "x")),
          std::tuple(kLocal, std::uint8_t{0}, ""s), std::tuple(kProxy, std::uint8_t{0}, ""s)}) {
        const std::string good = with_checksum(command, family, block);
        EXPECT_EQ(decode(good).substr(0, 3), "v2 ");
        for (std::size_t bit = 0; bit < 8 * 4; ++bit) {
            std::string bad = good;
            char& octet = bad[good.size() - 1 - bit / 8];
            octet = static_cast<char>(octet ^ 1 << bit % 8);
            EXPECT_EQ(decode(bad), "checksum");
        }
    }
    std::string bad = with_checksum(kProxy, kTcp4, addresses4());
    bad[16] = static_cast<char>(bad[16] ^ 1);  // of the client's address
    EXPECT_EQ(decode(bad), "checksum");
    // Two of them cannot both be over the header with the other in it.
    EXPECT_EQ(decode(with_checksum(kProxy, kTcp4, addresses4() + tlv(0x03, "\0\0\0\0"s))), "malformed");
}

TEST(BinaryHeader, LengthIsBounded) {
    const std::size_t most = limits::proxy_header_v2_octets_max;
    const std::size_t filler = most - 16 - addresses4().size() - 3;
    EXPECT_EQ(decode(binary(kProxy, kTcp4, addresses4() + tlv(0x04, std::string(filler, 'x')))),
              "v2 " + std::to_string(most) + ": " + kFour);
    // Known to be too long from its length alone, whatever the command.
    const std::string longer = binary(kProxy, kTcp4, std::string(most - 15, 'x'));
    EXPECT_EQ(decode(longer.substr(0, 16)), "too-long");
    EXPECT_EQ(decode(longer), "too-long");
    EXPECT_EQ(decode(binary(kLocal, 0, std::string(65535, 'x')).substr(0, 16)), "too-long");
}

}  // namespace
}  // namespace ringmx::proxy::test
