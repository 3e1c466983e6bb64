// The address grammar in tables: what is taken, how it is split, and what is not. RFC 5321 §4.1.2, §4.1.3,
// §4.5.3.1.
#include "smtp/address.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::smtp {

namespace {

struct Valid {
    std::string_view path;
    std::string_view local_part;
    std::string_view domain;
    bool non_ascii = false;
};

constexpr Valid kValid[] = {
    {"<a@b>", "a", "b"},
    {"<a@b.c>", "a", "b.c"},
    {"<A.b-c+d=e@Example.COM>", "A.b-c+d=e", "Example.COM"},
    {"<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~", "x"},
    {"<1@1>", "1", "1"},
    {"<a@1-2.3>", "a", "1-2.3"},
    {"<a@b_c._d>", "a", "b_c._d"},
    {"<\"\"@x>", "\"\"", "x"},
    {"<\"a b\"@x>", "\"a b\"", "x"},
    {"<\"a@b>c\"@x>", "\"a@b>c\"", "x"},
    {"<\"\\\"\\\\\"@x>", "\"\\\"\\\\\"", "x"},
    {"<\".a..b.\"@x>", "\".a..b.\"", "x"},
    {"<a@[1.2.3.4]>", "a", "[1.2.3.4]"},
    {"<a@[IPv6:::1]>", "a", "[IPv6:::1]"},
    {"<a@[tag:x]>", "a", "[tag:x]"},
    {"<@r:a@x>", "a", "x"},
    {"<@r,@s.t,@[1.2.3.4]:a@x>", "a", "x"},
    {"<postmaster@x>", "postmaster", "x"},
    {"<\xC3\xA4@x>", "\xC3\xA4", "x", true},
    {"<\"\xC3\xA4 \"@x>", "\"\xC3\xA4 \"", "x", true},
    {"<a@\xE4\xBE\x8B.\xE3\x83\x86>", "a", "\xE4\xBE\x8B.\xE3\x83\x86", true},
    {"<@\xC3\xA4.r:a@x>", "a", "x", false},  // a source route is dropped, and its UTF-8 with it
};

constexpr std::string_view kInvalid[] = {
    "",
    "a@b",
    "<",
    "<a",
    "<a@",
    "<a@b",
    "<a@>",
    "<@b>",
    "<a>",
    "< a@b>",
    "<a @b>",
    "<a@b >",
    "<.a@b>",
    "<a.@b>",
    "<a..b@c>",
    "<a@.b>",
    "<a@b.>",
    "<a@b..c>",
    "<a@-b>",
    "<a@b->",
    "<a@b-.c>",
    "<a@b@c>",
    "<a(c)@b>",
    "<a,b@c>",
    "<a:b@c>",
    "<a;b@c>",
    "<a[b@c>",
    "<\"a@b>",
    "<\"a\"b@c>",
    "<\"a\\\"@b>",
    "<\"a\tb\"@c>",
    "<a\"b\"@c>",
    "<a@b c>",
    "<a@b$c>",
    "<a@[]>",
    "<a@[1.2.3]>",
    "<a@[1.2.3.4>",
    "<a@[1.2.3.4]x>",
    "<a@1.2.3.4]>",
    "<@r a@b>",
    "<@r,a@b>",
    "<@r:>",
    "<@:a@b>",
    "<@r,:a@b>",
    "<@r:postmaster>",
    "<\xC3@b>",
    "<a@\xC3>",
    "<\x80@b>",
    "<a\x7f@b>",
    "<a\r@b>",
    "<<a@b>>",
};

struct Literal {
    std::string_view text;
    bool valid;
};

constexpr Literal kLiterals[] = {
    {"[0.0.0.0]", true},
    {"[255.255.255.255]", true},
    {"[001.02.3.4]", true},
    {"[256.1.1.1]", false},
    {"[1.1.1.1111]", false},
    {"[1.1.1.]", false},
    {"[1.1.1]", false},
    {"[1.1.1.1.1]", false},
    {"[ 1.1.1.1]", false},
    {"[]", false},
    {"[IPv6:1:2:3:4:5:6:7:8]", true},
    {"[ipV6:1:2:3:4:5:6:7:8]", true},
    {"[IPv6:::]", true},
    {"[IPv6:::1]", true},
    {"[IPv6:1::]", true},
    {"[IPv6:1:2:3::7:8]", true},
    {"[IPv6:1:2:3:4:5:6:7::]", true},
    {"[IPv6:fe80::ABCD]", true},
    {"[IPv6:::ffff:192.0.2.1]", true},
    {"[IPv6:1:2:3:4:5:6:192.0.2.1]", true},
    {"[IPv6:1:2:3:4:5:6:7]", false},
    {"[IPv6:1:2:3:4:5:6:7:8:9]", false},
    {"[IPv6:1:2:3:4:5:6:7:8::]", false},
    {"[IPv6:1::2::3]", false},
    {"[IPv6:1:::2]", false},
    {"[IPv6::1]", false},
    {"[IPv6:1:]", false},
    {"[IPv6:12345::]", false},
    {"[IPv6:g::]", false},
    {"[IPv6:]", false},
    {"[IPv6:192.0.2.1]", false},
    {"[IPv6:1:2:3:4:5:6:7:192.0.2.1]", false},
    {"[IPv6:192.0.2.1::]", false},
    {"[x-y:anything!\"goes]", true},
    {"[x-:a]", false},
    {"[-x:a]", true},
    {"[x:]", false},
    {"[:x]", false},
    {"[x:a b]", false},
    {"[x:a[b]", false},
    {"[x_y:a]", false},
};

std::string path_of(std::size_t local, const std::string& domain) {
    return "<" + std::string(local, 'l') + "@" + domain + ">";
}

}  // namespace

TEST(Address, ValidPaths) {
    for (const Valid& valid : kValid) {
        const std::string text = std::string(valid.path) + " REST";
        const ParsedPath parsed = parse_path(text, PathKind::forward);
        ASSERT_EQ(parsed.error, PathError::none) << valid.path;
        EXPECT_EQ(parsed.octets, valid.path.size()) << valid.path;
        EXPECT_EQ(parsed.path.local_part, valid.local_part);
        EXPECT_EQ(parsed.path.domain, valid.domain);
        EXPECT_EQ(parsed.path.address, std::string(valid.local_part) + "@" + std::string(valid.domain));
        EXPECT_EQ(parsed.non_ascii, valid.non_ascii) << valid.path;
    }
}

TEST(Address, InvalidPaths) {
    for (const std::string_view path : kInvalid) {
        for (const PathKind kind : {PathKind::forward, PathKind::reverse}) {
            const ParsedPath parsed = parse_path(path, kind);
            EXPECT_EQ(parsed.error, PathError::syntax) << path;
            EXPECT_TRUE(parsed.path.is_null()) << path;
        }
    }
}

TEST(Address, NullPathIsForSendersAndPostmasterForRecipients) {
    EXPECT_EQ(parse_path("<>", PathKind::reverse).error, PathError::none);
    EXPECT_TRUE(parse_path("<>", PathKind::reverse).path.is_null());
    EXPECT_EQ(parse_path("<>", PathKind::reverse).octets, 2u);
    EXPECT_EQ(parse_path("<>", PathKind::forward).error, PathError::syntax);
    const ParsedPath postmaster = parse_path("<POSTmaster>", PathKind::forward);
    EXPECT_EQ(postmaster.error, PathError::none);
    EXPECT_EQ(postmaster.path.address, "postmaster");
    EXPECT_EQ(postmaster.path.domain, "");
    EXPECT_EQ(postmaster.octets, 12u);
    EXPECT_EQ(parse_path("<postmaster>", PathKind::reverse).error, PathError::syntax);
    EXPECT_EQ(parse_path("<postmasters>", PathKind::forward).error, PathError::syntax);
}

TEST(Address, Literals) {
    for (const Literal& literal : kLiterals) {
        EXPECT_EQ(is_address_literal(literal.text), literal.valid) << literal.text;
    }
}

TEST(Address, Lengths) {
    const std::string label(63, 'd');
    const std::string domain_255 = label + "." + label + "." + label + "." + label;
    ASSERT_EQ(domain_255.size(), kDomainOctetsMax);
    EXPECT_EQ(parse_path(path_of(64, domain_255), PathKind::forward).error, PathError::none);
    EXPECT_EQ(parse_path(path_of(kLocalPartOctetsMax, "x"), PathKind::forward).error, PathError::none);
    EXPECT_EQ(parse_path(path_of(kLocalPartOctetsMax + 1, "x"), PathKind::forward).error,
              PathError::too_long);
    EXPECT_EQ(parse_path(path_of(1, "d." + domain_255), PathKind::forward).error, PathError::too_long);
    EXPECT_EQ(parse_path(path_of(1, label + "d"), PathKind::forward).error, PathError::too_long);
    EXPECT_EQ(parse_path(path_of(1, "[x:" + std::string(252, 'c') + "]"), PathKind::forward).error,
              PathError::too_long);
    // A U-label is counted in characters.
    std::string u_label;
    for (int i = 0; i < 63; ++i)
        u_label += "\xC3\xA4";
    EXPECT_EQ(parse_path(path_of(1, u_label), PathKind::forward).error, PathError::none);
}

TEST(Address, HelloNames) {
    for (const std::string_view name :
         {"a", "a.b", "a.b.", "my_host", "1.2.3.4", "[1.2.3.4]", "[IPv6:::1]"}) {
        EXPECT_TRUE(is_hello_name(name)) << name;
    }
    for (const std::string_view name :
         {"", ".", "a..b", "a b", "-a", "a-", "[1.2.3]", "\xC3\xA4", "a\r", "::1", "a@b"}) {
        EXPECT_FALSE(is_hello_name(name)) << name;
    }
}

}  // namespace ringmx::smtp
