// No address names a path outside its template, and no two mailboxes share one.
#include "storage/mailbox_name.hpp"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "digest/sha256.hpp"

namespace ringmx::storage {
namespace {

constexpr std::string_view kHost = "MX.test";

PathTemplate template_of(std::string_view path) {
    auto parsed = PathTemplate::parse(path);
    EXPECT_TRUE(parsed.ok()) << path;
    return *parsed;
}

std::string path_of(std::string_view address) {
    return mailbox_path(template_of("/m/{domain}/{local}"), mailbox_of(address, kHost));
}

TEST(MailboxName, EveryPartIsOneName) {
    using std::string_literals::operator""s;
    const std::map<std::string, std::string> expected = {
        {"bob@example.com", "example.com/bob"},
        {"Bob+List@EXAMPLE.com", "example.com/bob+list"},
        {"\"bob\"@example.com", "example.com/bob"},
        {"\"b\\ob\"@example.com", "example.com/bob"},
        {"\"../../etc/passwd\"@example.com", "example.com/%2E.%2F..%2Fetc%2Fpasswd"},
        {"\"..\"@example.com", "example.com/%2E."},
        {"\".\"@example.com", "example.com/%2E"},
        {"\".ringmx-tmp\"@example.com", "example.com/%2Eringmx-tmp"},
        {"\"\"@example.com", "example.com/%"},
        {"\" \"@example.com", "example.com/%20"},
        {"\"a@b\"@example.com", "example.com/a%40b"},
        {"\"a\\\"@\\\\b\"@example.com", "example.com/a%22%40%5Cb"},
        {"a/b@example.com", "example.com/a%2Fb"},
        {"a%2fb@example.com", "example.com/a%252fb"},
        {"%@example.com", "example.com/%25"},
        {"a\0b@example.com"s, "example.com/a%00b"},
        {"a\r\n\x7f@example.com", "example.com/a%0D%0A%7F"},
        {"\xd0\xbf\xd1\x91@\xd0\xb4.example", "\xd0\xb4.example/\xd0\xbf\xd1\x91"},
        {"\xc2\x85\xc2\xa0@example.com", "example.com/%C2%85\xc2\xa0"},
        {"\xff\xc0\xaf@example.com", "example.com/%FF%C0%AF"},
        {"x@xn--d1acufc.example", "xn--d1acufc.example/x"},
        {"x@[192.0.2.1]", "%5B192.0.2.1%5D/x"},
        {"x@[IPv6:2001:DB8:0::1]", "%5Bipv6%3A2001%3Adb8%3A%3A1%5D/x"},
        {"x@[tag:../..]", "%5Btag%3A..%2F..%5D/x"},
        {"x@../../etc", "%2E.%2F..%2Fetc/x"},
        {"x@..", "%2E./x"},
        {"postmaster", "mx.test/postmaster"},
        {"Postmaster@", "mx.test/postmaster"},
        {"\"unclosed@example.com", "mx.test/%22unclosed%40example.com"},
        {"", "mx.test/%"},
        {"@", "mx.test/%"},
    };
    for (const auto& [address, path] : expected)
        EXPECT_EQ(path_of(address), path) << address;
}

TEST(MailboxName, LongPartsEndWithAHashOfTheWhole) {
    const std::string long_a(300, 'a');
    const std::string name = encode_name(long_a, 255);
    EXPECT_EQ(name, std::string(189, 'a') + "%h" + sha256_hex(long_a));
    EXPECT_EQ(name.size(), 255u);
    EXPECT_NE(encode_name(long_a + "b", 255), encode_name(long_a + "c", 255));
    EXPECT_EQ(encode_name(std::string(255, 'a'), 255), std::string(255, 'a'));
    // Neither an encoded octet nor a character is cut in two.
    EXPECT_EQ(encode_name(std::string(100, '/'), 255).substr(0, 191), [] {
        std::string text;
        for (int i = 0; i < 63; ++i)
            text += "%2F";
        return text + "%h";
    }());
    EXPECT_EQ(encode_name("a" + std::string(60, '/'), 96).substr(0, 30), "a%2F%2F%2F%2F%2F%2F%2F%2F%2F%h");
    std::string cyrillic;
    for (int i = 0; i < 200; ++i)
        cyrillic += "\xd0\xbf";
    EXPECT_EQ(encode_name(cyrillic, 255).substr(186, 4), "\xd0\xbf%h");
}

// Octets that are likely to do harm, and any.
std::string random_value(std::mt19937& random) {
    static constexpr char kOctets[] = "./%\0@\\\"-a\xd0\xbf\xc2\x85h20Ff";
    constexpr std::string_view kHostile(kOctets, sizeof kOctets - 1);
    std::string value;
    const std::size_t size = random() % 8 == 0 ? random() % 400 : random() % 6;
    for (std::size_t i = 0; i < size; ++i)
        value += random() % 4 != 0 ? kHostile[random() % kHostile.size()] : static_cast<char>(random());
    return value;
}

void expect_one_name(const std::string& name, std::size_t octets_max) {
    EXPECT_FALSE(name.empty());
    EXPECT_LE(name.size(), octets_max);
    EXPECT_NE(name.front(), '.');
    for (std::string_view rest = name; !rest.empty();) {
        const std::size_t length = std::max<std::size_t>(utf8_multibyte_length(rest), 1);
        const char c = rest.front();
        EXPECT_TRUE(length > 1 || (c > ' ' && c < 0x7f && c != '/' && c != '@')) << name;
        rest.remove_prefix(length);
    }
}

TEST(MailboxName, NoTwoValuesShareANameAndNoNameIsAPath) {
    std::mt19937 random(1);
    for (const std::size_t octets_max : {std::size_t{96}, std::size_t{255}}) {
        std::map<std::string, std::string> owners;
        for (int i = 0; i < 30000; ++i) {
            const std::string value = random_value(random);
            const std::string name = encode_name(value, octets_max);
            expect_one_name(name, octets_max);
            const auto [owner, added] = owners.emplace(name, value);
            ASSERT_EQ(owner->second, value) << name;
            // What a name is may itself be an address.
            const std::string again = encode_name(name, octets_max);
            ASSERT_EQ(owners.emplace(again, name).first->second, name);
        }
        EXPECT_GT(owners.size(), 5000u);
    }
}

TEST(MailboxName, NoTwoMailboxesShareAPathOfAnyTemplate) {
    std::mt19937 random(2);
    for (const char* text : {"/m/{domain}/{local}", "/m/{local}@{domain}", "/m/x{local}-@%h{domain}/.{local}",
                             "/m/{domain}@{local}/Maildir"}) {
        const PathTemplate path = template_of(text);
        std::map<std::string, std::pair<std::string, std::string>> owners;
        for (int i = 0; i < 10000; ++i) {
            // Quoted, so that any octets are a local part.
            std::string quoted = "\"";
            for (const char c : random_value(random))
                quoted += {'\\', c};
            const std::string domain = random_value(random);
            const Mailbox mailbox = mailbox_of(quoted + "\"@" + domain, kHost);
            const std::string made = mailbox_path(path, mailbox);
            EXPECT_EQ(std::count(made.begin(), made.end(), '/'), path.components.size() - 1);
            const std::string framed = "/" + made + "/";
            EXPECT_EQ(framed.find("/../"), std::string::npos) << made;
            EXPECT_EQ(framed.find("/./"), std::string::npos) << made;
            EXPECT_EQ(framed.find("//"), std::string::npos) << made;
            EXPECT_EQ(framed.find("/.ringmx"), std::string::npos) << made;
            const std::pair<std::string, std::string> owner{mailbox.local, mailbox.domain};
            ASSERT_EQ(owners.emplace(made, owner).first->second, owner) << made;
        }
    }
}

}  // namespace
}  // namespace ringmx::storage
