// The Received: header, checked against whole texts and against the grammar of RFC 5321 §4.4 for hostile
// facts.
#include "message/trace.hpp"

#include <random>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "message/envelope.hpp"

namespace ringmx {
namespace {

constexpr std::string_view kDate = "Mon, 23 Nov 2026 16:05:30 +0000";

TraceFacts facts() {
    TraceFacts f;
    f.client_name = "mail.example.org";
    f.client = Network::parse("192.0.2.7")->base;
    f.hostname = "mx1.example.com";
    f.recipient = "user@example.com";
    f.id = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
    f.flags = envelope_flags::esmtp;
    f.date = kDate;
    return f;
}

std::string header(const TraceFacts& f) {
    std::array<std::byte, kTraceBytesMax> out;
    const std::size_t size = write_received_header(out, f);
    return std::string(as_text(Bytes(out.data(), size)));
}

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find("\r\n", begin);
        longest = std::max(longest, end - begin);
        begin = end + 2;
    }
    return longest;
}

// The header unfolded, as an RFC 5322 reader sees it.
std::string unfolded(std::string text) {
    for (std::size_t at = 0; (at = text.find("\r\n\t", at)) != std::string::npos;)
        text.replace(at, 3, " ");
    return text;
}

TEST(Trace, HeaderHasItsParts) {
    EXPECT_EQ(header(facts()),
              "Received: from mail.example.org ([192.0.2.7])\r\n"
              "\tby mx1.example.com with ESMTP id 01890a5d-ac96-774b-bcce-b302099a8057\r\n"
              "\tfor <user@example.com>; Mon, 23 Nov 2026 16:05:30 +0000\r\n");
}

TEST(Trace, NameOfTheAddressStandsBesideIt) {
    TraceFacts f = facts();
    f.client_host = "spike.example.net";
    EXPECT_NE(header(f).find("from mail.example.org (spike.example.net [192.0.2.7])\r\n"), std::string::npos);
    f.client_host = "a b(c)";
    EXPECT_NE(header(f).find("(a?b?c? [192.0.2.7])"), std::string::npos);
}

TEST(Trace, TlsThatEndedAtAProxySaysSo) {
    TraceFacts f = facts();
    f.flags |= envelope_flags::tls | envelope_flags::tls_at_proxy;
    f.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    EXPECT_NE(unfolded(header(f)).find("with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384 at the proxy) id "),
              std::string::npos);
}

TEST(Trace, SeveralRecipientsAreNotNamed) {
    TraceFacts f = facts();
    f.recipient = {};
    EXPECT_EQ(header(f),
              "Received: from mail.example.org ([192.0.2.7])\r\n"
              "\tby mx1.example.com with ESMTP id 01890a5d-ac96-774b-bcce-b302099a8057;\r\n"
              "\tMon, 23 Nov 2026 16:05:30 +0000\r\n");
}

TEST(Trace, LiteralsOfClientAndNameAreKept) {
    TraceFacts f = facts();
    f.client_name = "[IPv6:2001:db8::1]";
    f.client = Network::parse("2001:db8::1")->base;
    EXPECT_TRUE(header(f).starts_with("Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"));
}

TEST(Trace, MissingFactsStillGiveAHeader) {
    TraceFacts f = facts();
    f.client_name = {};
    f.client = {};
    EXPECT_TRUE(header(f).starts_with("Received: from unknown\r\n\tby mx1.example.com"));
}

TEST(Trace, PostmasterWithoutDomainBecomesAWholeMailbox) {
    TraceFacts f = facts();
    f.recipient = "postmaster";
    EXPECT_NE(header(f).find("for <postmaster@mx1.example.com>;"), std::string::npos);
}

TEST(Trace, ProtocolKeywordTellsTheTransaction) {
    using namespace envelope_flags;
    const std::pair<std::uint32_t, std::string_view> cases[] = {
        {0, "SMTP"},
        {tls, "SMTP"},
        {esmtp, "ESMTP"},
        {esmtp | tls, "ESMTPS"},
        {esmtp | smtputf8, "UTF8SMTP"},
        {esmtp | smtputf8 | tls, "UTF8SMTPS"},
        {esmtp | body_8bit | body_binary, "ESMTP"},
    };
    for (const auto& [flags, keyword] : cases) {
        TraceFacts f = facts();
        f.flags = flags;
        EXPECT_NE(unfolded(header(f)).find(" with " + std::string(keyword) + " id "), std::string::npos)
            << keyword;
    }
}

TEST(Trace, TlsIsAComment) {
    TraceFacts f = facts();
    f.flags = envelope_flags::esmtp | envelope_flags::tls;
    f.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    EXPECT_NE(unfolded(header(f)).find(" with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id "),
              std::string::npos)
        << header(f);
    EXPECT_LE(longest_line(header(f)), 78u);
    f.tls = "a)\r\nX: (b";
    EXPECT_NE(unfolded(header(f)).find(" with ESMTPS (a???X: ?b) id "), std::string::npos) << header(f);
}

TEST(Trace, ForeignOctetsNeverBreakTheHeader) {
    TraceFacts f = facts();
    f.client_name = "a\r\nX-Evil: (b);\xC3\xA4\x7f\x01";
    EXPECT_TRUE(header(f).starts_with("Received: from a??X-Evil:??b?????? ([192.0.2.7])\r\n")) << header(f);
    f = facts();
    f.recipient = std::string_view("\"a\r\n\0b\"@\xC3\xA4.example", 18);
    EXPECT_NE(header(f).find("for <\"a???b\"@??.example>;"), std::string::npos) << header(f);
}

TEST(Trace, Utf8PassesInSmtputf8TransactionsWhenWellFormed) {
    TraceFacts f = facts();
    f.flags |= envelope_flags::smtputf8;
    f.client_name = "m\xC3\xA4il.example";
    f.recipient = "\xE7\x94\xA8\xE6\x88\xB7@\xC3\x28\xFF.example";
    EXPECT_TRUE(header(f).starts_with("Received: from m\xC3\xA4il.example ("));
    EXPECT_NE(header(f).find("for <\xE7\x94\xA8\xE6\x88\xB7@?(?.example>;"), std::string::npos) << header(f);
}

TEST(Trace, LinesAreFoldedAt78WhereThePartsAllow) {
    TraceFacts f = facts();
    f.client_name = "a-rather-long-host-name-of-a-customer.dynamic.example.net";
    f.client = Network::parse("2001:db8:1111:2222:3333:4444:5555:6666")->base;
    f.hostname = "mx-number-seventeen.europe-west.mail.example.com";
    f.recipient = "a.rather.long.local.part.of.a.person@example.com";
    f.flags = envelope_flags::esmtp | envelope_flags::smtputf8 | envelope_flags::tls;
    EXPECT_LE(longest_line(header(f)), 78u) << header(f);
    EXPECT_EQ(unfolded(header(f)),
              "Received: from a-rather-long-host-name-of-a-customer.dynamic.example.net"
              " ([IPv6:2001:db8:1111:2222:3333:4444:5555:6666])"
              " by mx-number-seventeen.europe-west.mail.example.com with UTF8SMTPS"
              " id 01890a5d-ac96-774b-bcce-b302099a8057"
              " for <a.rather.long.local.part.of.a.person@example.com>; Mon, 23 Nov 2026 16:05:30 +0000\r\n");
}

TEST(Trace, LongestFactsStayWithinTheLimits) {
    TraceFacts f = facts();
    const std::string name(4000, 'n');
    f.client_name = name;
    f.hostname = name;
    f.client = Network::parse("2001:db8:1111:2222:3333:4444:5555:6666")->base;
    f.flags = envelope_flags::esmtp | envelope_flags::smtputf8 | envelope_flags::tls;
    f.tls = name;
    for (const std::size_t octets : {64u, 320u, 699u, 700u, 701u, 4000u}) {
        for (const bool whole : {false, true}) {
            std::string recipient(octets, 'r');
            if (whole) recipient[1] = '@';
            f.recipient = recipient;
            const std::string text = header(f);
            EXPECT_LE(text.size(), kTraceBytesMax);
            EXPECT_LE(longest_line(text), 998u);
            EXPECT_EQ(text.find("for <") != std::string::npos, octets <= 700) << "all of it or nothing";
        }
    }
}

// Whatever octets come as names and recipients, the result is one header field of the documented shape.
TEST(Trace, RandomFactsGiveOneHeaderField) {
    const std::regex shape(
        "Received: from [^ ()<>;,\\\\\"]+ \\(\\[192\\.0\\.2\\.7\\]\\) by mx1\\.example\\.com with [A-Z0-9]+ "
        "id [-0-9a-f]{36}( for <[^\\r\\n]*>)?; Mon, 23 Nov 2026 16:05:30 \\+0000\\r\\n");
    std::mt19937 random(3);
    for (int round = 0; round < 3000; ++round) {
        std::string name(1 + random() % 40, '\0');
        std::string recipient(random() % 40, '\0');
        for (char& c : name)
            c = static_cast<char>(random());
        for (char& c : recipient)
            c = static_cast<char>(random());
        TraceFacts f = facts();
        f.client_name = name;
        f.recipient = recipient;
        f.flags = random() % 32;
        const std::string text = header(f);
        ASSERT_TRUE(std::regex_match(unfolded(text), shape)) << text;
    }
}

TEST(DateCache, DatesAreThoseOfRfc5322) {
    const std::pair<std::int64_t, std::string_view> cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 +0000"},
        {951'782'400, "Tue, 29 Feb 2000 00:00:00 +0000"},
        {1'700'000'000, "Tue, 14 Nov 2023 22:13:20 +0000"},
        {1'795'449'930, "Mon, 23 Nov 2026 16:05:30 +0000"},
        {4'107'542'399, "Sun, 28 Feb 2100 23:59:59 +0000"},
        {253'402'300'799, "Fri, 31 Dec 9999 23:59:59 +0000"},
        {253'402'300'800, "Fri, 31 Dec 9999 23:59:59 +0000"},
        {-1, "Thu, 01 Jan 1970 00:00:00 +0000"},
    };
    DateCache cache;
    for (const auto& [second, text] : cases) {
        EXPECT_EQ(cache.format(second * 1'000'000), text);
        EXPECT_EQ(cache.format(second * 1'000'000 + 999'999), second < 0 ? cases[0].second : text);
    }
}

TEST(DateCache, SameSecondIsNotFormattedAgainAndStepsBackAreFollowed) {
    DateCache cache;
    const std::string first(cache.format(1'700'000'000'000'000));
    EXPECT_EQ(cache.format(1'700'000'000'999'999), first);
    EXPECT_EQ(cache.format(1'700'000'001'000'000), "Tue, 14 Nov 2023 22:13:21 +0000");
    EXPECT_EQ(cache.format(1'700'000'000'000'000), first);
}

}  // namespace
}  // namespace ringmx
