// The set of strings behind the accept tables.
#include "policy/string_set.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::policy {
namespace {

TEST(StringSet, EmptySetContainsNothing) {
    StringSet set;
    EXPECT_FALSE(set.contains("a")) << "before build";
    set.build();
    EXPECT_FALSE(set.contains("a"));
    EXPECT_FALSE(set.contains(""));
    EXPECT_EQ(set.size(), 0u);
}

TEST(StringSet, DuplicatesCountOnce) {
    StringSet set;
    for (const char* entry : {"a", "b", "a", ""})
        EXPECT_TRUE(set.add(entry));
    set.build();
    EXPECT_EQ(set.size(), 3u);
    EXPECT_TRUE(set.contains("a"));
    EXPECT_TRUE(set.contains("b"));
    EXPECT_TRUE(set.contains(""));
    EXPECT_FALSE(set.contains("c"));
    EXPECT_FALSE(set.contains("ab"));
}

TEST(StringSet, EveryEntryOfManyIsFoundAndNothingElse) {
    StringSet set;
    constexpr int kEntries = 200'000;
    for (int i = 0; i < kEntries; ++i)
        ASSERT_TRUE(set.add("user" + std::to_string(i) + "@example.com"));
    set.build();
    EXPECT_EQ(set.size(), static_cast<std::size_t>(kEntries));
    for (int i = 0; i < kEntries; ++i) {
        ASSERT_TRUE(set.contains("user" + std::to_string(i) + "@example.com"));
        ASSERT_FALSE(set.contains("user" + std::to_string(kEntries + i) + "@example.com"));
    }
}

TEST(StringSet, EntriesThatDifferInOneOctetAreToldApart) {
    StringSet set;
    const std::string base(40, 'x');
    for (std::size_t at = 0; at < base.size(); at += 2) {
        std::string entry = base;
        entry[at] = 'y';
        ASSERT_TRUE(set.add(entry));
    }
    set.build();
    for (std::size_t at = 0; at < base.size(); ++at) {
        std::string entry = base;
        entry[at] = 'y';
        EXPECT_EQ(set.contains(entry), at % 2 == 0) << at;
        EXPECT_FALSE(set.contains(entry.substr(0, 39)));
    }
}

// Two texts whose hashes differ in bit 20 alone: one place and one tag in a small table. Made by running the
// hash backwards; the expectation on the hashes says when it has changed and they must be made anew.
TEST(StringSet, TextsOfOneHashAreToldApart) {
    const std::string_view entry = "a@b.test";
    const std::string_view other("\x38\x1F\xD9\xF2\xB0\x8D\x3B\xEE", 8);
    ASSERT_EQ(StringSet::hash_of(entry) ^ StringSet::hash_of(other), 1u << 20);
    StringSet set;
    EXPECT_TRUE(set.add(entry));
    set.build();
    EXPECT_TRUE(set.contains(entry));
    EXPECT_FALSE(set.contains(other));
}

TEST(StringSet, LongestEntryIsKept) {
    StringSet set;
    const std::string entry(StringSet::entry_octets_max, 'e');
    EXPECT_TRUE(set.add(entry));
    set.build();
    EXPECT_TRUE(set.contains(entry));
    EXPECT_FALSE(set.contains(entry.substr(1)));
}

}  // namespace
}  // namespace ringmx::policy
