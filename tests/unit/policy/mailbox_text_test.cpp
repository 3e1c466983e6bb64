// Mailboxes as text: splitting lines of the recipients file, and canonical forms.
#include "policy/mailbox_text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::policy {
namespace {

std::string canonical_domain(std::string_view domain) {
    ShortText text;
    EXPECT_TRUE(append_domain(text, domain));
    return std::string(text.view());
}

std::string canonical_local_part(std::string_view local_part) {
    ShortText text;
    EXPECT_TRUE(append_local_part(text, local_part));
    return std::string(text.view());
}

TEST(MailboxText, DomainsAreLowerCasedInAsciiOnly) {
    EXPECT_EQ(canonical_domain("EXAMPLE.Com"), "example.com");
    EXPECT_EQ(canonical_domain("\xC3\x84.Example"), "\xC3\x84.example");
}

TEST(MailboxText, LiteralsOfOneAddressAreOneText) {
    EXPECT_EQ(canonical_domain("[192.0.2.1]"), "[192.0.2.1]");
    EXPECT_EQ(canonical_domain("[IPv6:2001:DB8:0:0::1]"), "[ipv6:2001:db8::1]");
    EXPECT_EQ(canonical_domain("[ipv6:2001:db8::1]"), "[ipv6:2001:db8::1]");
    EXPECT_EQ(canonical_domain("[x-tag:ABC]"), "[x-tag:abc]");
}

TEST(MailboxText, QuotedLocalPartIsWhatItStandsFor) {
    EXPECT_EQ(canonical_local_part("User"), "user");
    EXPECT_EQ(canonical_local_part("\"User\""), "user");
    EXPECT_EQ(canonical_local_part("\"a b\""), "a b");
    EXPECT_EQ(canonical_local_part("\"a\\\"b\\\\c\""), "a\"b\\c");
    EXPECT_EQ(canonical_local_part("\"\""), "");
    EXPECT_EQ(canonical_local_part("\""), "\"");
}

TEST(MailboxText, TooLongIsRefusedWhole) {
    ShortText text;
    EXPECT_TRUE(text.append("ab"));
    EXPECT_FALSE(text.append(std::string(ShortText::octets_max - 1, 'x')));
    EXPECT_FALSE(append_domain(text, std::string(ShortText::octets_max - 1, 'x')));
    EXPECT_EQ(text.view(), "ab");
    EXPECT_TRUE(text.append(std::string(ShortText::octets_max - 2, 'x')));
}

TEST(MailboxText, MailboxEndsAtABlankOutsideOfQuotes) {
    struct Case {
        std::string_view text, local_part, domain, rest;
    };
    const Case cases[] = {
        {"a@b.c", "a", "b.c", ""},
        {"@b.c", "", "b.c", ""},
        {"a#b@c.d # x", "a#b", "c.d", " # x"},
        {"\"a @ b\"@c.d\tx", "\"a @ b\"", "c.d", "\tx"},
        {"\"a\\\"b\"@c.d", "\"a\\\"b\"", "c.d", ""},
        {"a@[192.0.2.1]", "a", "[192.0.2.1]", ""},
        {"\xC3\xA4@\xC3\xB6.example", "\xC3\xA4", "\xC3\xB6.example", ""},
    };
    for (const Case& c : cases) {
        std::string_view problem;
        const auto mailbox = split_mailbox(c.text, problem);
        ASSERT_TRUE(mailbox.has_value()) << c.text << ": " << problem;
        EXPECT_EQ(mailbox->local_part, c.local_part);
        EXPECT_EQ(mailbox->domain, c.domain);
        EXPECT_EQ(mailbox->rest, c.rest);
    }
}

TEST(MailboxText, MalformedMailboxesAreRefusedWithAReason) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"user", "there is no \"@\""},
        {"a b@c.d", "there is no \"@\""},
        {"\"a@c.d", "not closed"},
        {"\"a\"b@c.d", "there is no \"@\""},
        {"a@", "domain is empty"},
        {"a@b@c.d", "no domain has"},
        {".a@c.d", "dot at an end"},
        {"a.@c.d", "dot at an end"},
        {"a..b@c.d", "two in a row"},
        {"a,b@c.d", "must be quoted"},
        {"\xE4@c.d", "not UTF-8"},
        {"a@b..c", "empty label"},
        {"a@b.c.", "empty label"},
        {"a@-b.c", "hyphen"},
        {"a@b-.c", "hyphen"},
        {"a@b$.c", "no domain has"},
        {"a@\xE4.example", "no domain has"},
        {"a@[192.0.2]", "address literal"},
        {"a@[192.0.2.1", "address literal"},
        {"a@[2001:db8::1]", "address literal"},
        {"a@[IPv6:192.0.2.1]", "address literal"},
        {"a@[192.0.2.0/24]", "address literal"},
    };
    for (const auto& [text, reason] : cases) {
        std::string_view problem;
        EXPECT_FALSE(split_mailbox(text, problem).has_value()) << text;
        EXPECT_NE(problem.find(reason), std::string_view::npos) << text << ": " << problem;
    }
    EXPECT_FALSE(domain_problem(std::string(64, 'a') + ".example").empty());
    EXPECT_TRUE(domain_problem(std::string(63, 'a') + ".example").empty());
    std::string longest;
    for (int i = 0; i < 128; ++i)
        longest += "a.";
    EXPECT_TRUE(domain_problem(longest.substr(0, 255)).empty());
    EXPECT_FALSE(domain_problem(longest + "a").empty());
}

}  // namespace
}  // namespace ringmx::policy
