// The decoder: every split gives the same, what is behind the header is not touched, and any damage to a good
// header ends in a named failure or in another good header, never in waiting for more than there may be.
#include "proxy/decoder.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "headers.hpp"

namespace ringmx::proxy::test {
namespace {

std::vector<std::string> samples() {
    return {
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n",
        "PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n",
        "PROXY UNKNOWN\r\n",
        binary(kLocal, 0, ""),
        binary(kProxy, kTcp4, addresses4()),
        binary(kProxy, kTcp6, addresses6() + tlv(0x02, "mx.example.com")),
        with_checksum(kProxy, kTcp6, addresses6() + tlv(0x05, "an id")),
        with_checksum(kProxy, kTcp4,
                      addresses4() + tlv(0x20, std::string("\x07\0\0\0\0", 5) + tlv(0x21, "TLSv1.3") +
                                                   tlv(0x22, "joe") + tlv(0x23, "TLS_AES_128_GCM_SHA256"))),
    };
}

TEST(Decoder, IsTheSameAtEverySplit) {
    for (const std::string& sample : samples()) {
        const std::string whole = decode(sample);
        EXPECT_EQ(whole.substr(0, 1), "v");
        for (std::size_t first = 0; first <= sample.size(); ++first) {
            EXPECT_EQ(decode(sample, {first}), whole);
            for (std::size_t second = first; second <= sample.size(); second += 3)
                EXPECT_EQ(decode(sample, {first, second}), whole);
        }
        Decoder decoder;
        std::size_t taken = 0;
        for (const char c : sample) {
            EXPECT_EQ(decoder.state(), Decoder::State::more);
            taken += decoder.feed(as_bytes({&c, 1}));
        }
        EXPECT_EQ(described(decoder, taken), whole);
    }
}

TEST(Decoder, TakesNothingBehindTheHeader) {
    for (const std::string& sample : samples()) {
        for (const std::string& behind : {std::string("EHLO x\r\n"), std::string("\n"), sample}) {
            const std::string input = sample + behind;
            EXPECT_EQ(decode(input), decode(sample));
            for (std::size_t cut = 0; cut <= sample.size(); ++cut)
                EXPECT_EQ(decode(input, {cut}), decode(sample));
        }
    }
}

TEST(Decoder, WaitsForWhatIsMissing) {
    for (const std::string& sample : samples()) {
        for (std::size_t octets = 0; octets < sample.size(); ++octets) {
            EXPECT_EQ(decode(sample.substr(0, octets)), "more after " + std::to_string(octets));
            Decoder decoder;
            decoder.feed(as_bytes(sample).first(octets));
            EXPECT_EQ(decoder.has_begun(), octets > 0);
        }
    }
}

TEST(Decoder, FailsAtTheFirstOctetThatBeginsNoHeader) {
    for (const std::string& input :
         {std::string("EHLO client.test\r\n"), std::string("PROXX"), std::string("PROXY\r"),
          std::string("proxy "), std::string("\r\n\r\n\r\n"), std::string("\x16\x03\x01"),
          std::string("\r\n\r\n\0\r\nQUIT\r\n", 14), std::string("\n"), std::string(1, '\0')}) {
        EXPECT_EQ(decode(input), "absent") << input;
        for (std::size_t cut = 0; cut <= input.size(); ++cut)
            EXPECT_EQ(decode(input, {cut}), "absent") << input;
    }
    Decoder decoder;
    EXPECT_EQ(decoder.feed(as_bytes("PxROXY")), 2u);
    EXPECT_EQ(decoder.feed(as_bytes("more")), 0u);
    EXPECT_EQ(decoder.failure(), Failure::absent);
}

// One octet changed, left out, or put in twice; each also cut in two.
TEST(Decoder, DamageIsNamedAndBounded) {
    for (const std::string& sample : samples()) {
        for (std::size_t at = 0; at < sample.size(); ++at) {
            std::vector<std::string> damaged;
            for (int value = 0; value < 256; value += at < 20 ? 1 : 7) {
                damaged.push_back(sample);
                damaged.back()[at] = static_cast<char>(value);
            }
            damaged.push_back(sample.substr(0, at) + sample.substr(at + 1));
            damaged.push_back(sample.substr(0, at + 1) + sample.substr(at));
            for (const std::string& input : damaged) {
                const std::string padded = input + std::string(limits::proxy_header_v2_octets_max, '\n');
                const std::string whole = decode(padded);
                EXPECT_NE(whole.substr(0, 4), "more") << at;
                EXPECT_EQ(decode(padded, {at}), whole);
                EXPECT_EQ(decode(padded, {at + 1}), whole);
            }
        }
    }
}

TEST(Failures, HaveNamesAndSentences) {
    for (const Failure failure :
         {Failure::absent, Failure::malformed, Failure::too_long, Failure::checksum}) {
        EXPECT_FALSE(to_string(failure).empty());
        EXPECT_FALSE(describe(failure).empty());
    }
}

}  // namespace
}  // namespace ringmx::proxy::test
