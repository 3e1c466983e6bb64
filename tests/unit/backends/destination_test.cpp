#include "records/destination.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace ringmx::records {
namespace {

TEST(DomainToken, IsReadableForWhatDomainsAre) {
    EXPECT_EQ(domain_token("example.com"), "example_com");
    EXPECT_EQ(domain_token("MX-1.Example.COM"), "mx-1_example_com");
    EXPECT_EQ(domain_token(""), "X");
}

TEST(DomainToken, EscapesEveryOtherOctet) {
    EXPECT_EQ(domain_token("*"), "X2A");
    EXPECT_EQ(domain_token(">"), "X3E");
    EXPECT_EQ(domain_token("a b"), "aX20b");
    EXPECT_EQ(domain_token("[127.0.0.1]"), "X5B127_0_0_1X5D");
    EXPECT_EQ(domain_token("x\xc3\xbc"), "xXC3XBC");
    EXPECT_EQ(domain_token("a_b"), "aX5Fb");
    EXPECT_EQ(domain_token(std::string("\0\r\n", 3)), "X00X0DX0A");
}

// Two domains that differ in more than case never meet; all of two octets, and some that try.
TEST(DomainToken, DiffersForDifferentDomains) {
    std::set<std::string> tokens;
    std::size_t count = 0;
    for (int a = -1; a < 256; ++a) {
        for (int b = a < 0 ? -1 : 0; b < 256; ++b) {
            std::string domain;
            if (a >= 0) domain += static_cast<char>(a);
            if (b >= 0) domain += static_cast<char>(b);
            if (std::any_of(domain.begin(), domain.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
                continue;
            const std::string token = domain_token(domain);
            EXPECT_EQ(
                token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
                std::string::npos);
            tokens.insert(token);
            ++count;
        }
    }
    EXPECT_EQ(tokens.size(), count);
    EXPECT_NE(domain_token("x2e"), domain_token("."));
    EXPECT_NE(domain_token("a.b"), domain_token("a_b"));
}

TEST(Destination, PutsTheTokenWhereThePlaceholderIs) {
    const Destination subject("subject", "mail.{domain}.in", 100);
    EXPECT_EQ(subject.of("a.example"), "mail.a_example.in");
    EXPECT_FALSE(subject.fixed());
    const Destination fixed("topic", "mail", 100);
    EXPECT_EQ(fixed.of("a.example"), "mail");
    EXPECT_TRUE(fixed.fixed());
    EXPECT_EQ(Destination("topic", "{domain}", 100).of(""), "X");
}

TEST(Destination, SaysWhenADomainIsTooLong) {
    const Destination topic("topic", "mail.{domain}", 20);
    EXPECT_TRUE(topic.of(std::string(15, 'a')));
    EXPECT_FALSE(topic.of(std::string(16, 'a')));
    EXPECT_FALSE(topic.of("******"));
}

TEST(Destination, RefusesTemplatesThatNameOtherThings) {
    for (const char* text : {"", ".", "mail.", ".mail", "mail..x", "mail.*", "mail.>", "mail x",
                             "mail.{local}", "$JS.{domain}", "mail.\r\n", "mail.{domain}."}) {
        EXPECT_THROW(Destination("subject", text, 100), std::runtime_error) << text;
    }
    EXPECT_THROW(Destination("subject", std::string(101, 'a'), 100), std::runtime_error);
}

}  // namespace
}  // namespace ringmx::records
