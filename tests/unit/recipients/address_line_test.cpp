// One line of a list of recipients.
#include "recipients/address_line.hpp"

#include <gtest/gtest.h>

namespace ringmx::recipients {
namespace {

TEST(AddressLine, PartsAreCanonical) {
    AddressLine line;
    std::string problem;
    ASSERT_TRUE(parse_address_line("  \"A b\"@Example.COM # x\r", false, line, problem));
    EXPECT_EQ(line.local_part.view(), "a b");
    EXPECT_EQ(line.domain.view(), "example.com");
    ASSERT_TRUE(parse_address_line("@all.example", false, line, problem));
    EXPECT_EQ(line.local_part.view(), "");
    EXPECT_EQ(line.domain.view(), "all.example");
    for (const char* nothing : {"", " \t\r", "# comment", "  # comment"}) {
        ASSERT_TRUE(parse_address_line(nothing, false, line, problem));
        EXPECT_TRUE(line.empty()) << nothing;
    }
}

TEST(AddressLine, AByteOrderMarkIsNoAddressInTheFirstLineOnly) {
    AddressLine line;
    std::string problem;
    ASSERT_TRUE(
        parse_address_line("\xEF\xBB\xBF"
                           "a@b.example",
                           true, line, problem));
    EXPECT_EQ(line.local_part.view(), "a");
    ASSERT_TRUE(
        parse_address_line("\xEF\xBB\xBF"
                           "a@b.example",
                           false, line, problem));
    EXPECT_NE(line.local_part.view(), "a");
}

TEST(AddressLine, WhatIsWrongIsNamed) {
    AddressLine line;
    std::string problem;
    EXPECT_FALSE(parse_address_line("user", false, line, problem));
    EXPECT_NE(problem.find("there is no \"@\""), std::string::npos);
    EXPECT_FALSE(parse_address_line("a@b.example c@d.example", false, line, problem));
    EXPECT_NE(problem.find("found \"c@d.example\" behind it"), std::string::npos);
}

}  // namespace
}  // namespace ringmx::recipients
