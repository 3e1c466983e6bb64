// Which key was meant.
#include "config/nearest.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace ringmx::config {
namespace {

TEST(EditDistance, CountsEditsAndSwapsOfNeighbours) {
    EXPECT_EQ(edit_distance("", ""), 0u);
    EXPECT_EQ(edit_distance("memory", "memory"), 0u);
    EXPECT_EQ(edit_distance("Memory", "mEMORY"), 0u);
    EXPECT_EQ(edit_distance("", "abc"), 3u);
    EXPECT_EQ(edit_distance("memory", "memry"), 1u);    // deletion
    EXPECT_EQ(edit_distance("memory", "memmory"), 1u);  // insertion
    EXPECT_EQ(edit_distance("memory", "mamory"), 1u);   // replacement
    EXPECT_EQ(edit_distance("memory", "memroy"), 1u);   // swap
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

const std::vector<std::string_view> kNames = {"server.memory",        "server.listen",
                                              "accept.domains",       "storage.spool.path",
                                              "storage.maildir.path", "smtp.errors_max"};

TEST(Nearest, TypingErrorsAreUnderstood) {
    EXPECT_EQ(nearest("server.memroy", kNames), "server.memory");
    EXPECT_EQ(nearest("server.Listen", kNames), "server.listen");
    EXPECT_EQ(nearest("smtp.error_max", kNames), "smtp.errors_max");
    EXPECT_EQ(nearest("storage.maildir.pth", kNames), "storage.maildir.path");
}

TEST(Nearest, KeyInTheWrongSectionIsFound) {
    EXPECT_EQ(nearest("server.domains", kNames), "accept.domains");
    EXPECT_EQ(nearest("domains", kNames), "accept.domains");
    EXPECT_EQ(nearest("storage.path", kNames), "storage.spool.path");
}

TEST(Nearest, UnrelatedNamesGiveNothing) {
    EXPECT_EQ(nearest("server.frobnicate", kNames), std::nullopt);
    EXPECT_EQ(nearest("", kNames), std::nullopt);
    EXPECT_EQ(nearest(std::string(100000, 'x'), kNames), std::nullopt);
}

}  // namespace
}  // namespace ringmx::config
