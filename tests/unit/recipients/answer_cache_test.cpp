// What a service has said, for a while.
#include "recipients/answer_cache.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::recipients {
namespace {

TEST(AnswerCache, AnswersAreKeptUntilTheirTime) {
    AnswerCache cache(100);
    cache.keep("a@b", true, 50, 10);
    cache.keep("c@d", false, 60, 10);
    EXPECT_EQ(cache.find("a@b", 49), true);
    EXPECT_EQ(cache.find("a@b", 50), std::nullopt);
    EXPECT_EQ(cache.find("c@d", 50), false);
    EXPECT_EQ(cache.find("e@f", 10), std::nullopt);
}

TEST(AnswerCache, ALaterAnswerReplacesTheOneBefore) {
    AnswerCache cache(100);
    cache.keep("a@b", true, 50, 10);
    cache.keep("a@b", false, 90, 20);
    EXPECT_EQ(cache.find("a@b", 80), false);
}

TEST(AnswerCache, NothingIsKeptWithoutRoomOrTime) {
    AnswerCache none(0);
    none.keep("a@b", true, 50, 10);
    EXPECT_EQ(none.find("a@b", 10), std::nullopt);
    AnswerCache cache(100);
    cache.keep("a@b", true, 10, 10);
    EXPECT_EQ(cache.find("a@b", 10), std::nullopt);
    const std::string longest(AnswerCache::key_octets_max, 'x');
    cache.keep(longest, true, 50, 10);
    cache.keep(longest + "y", true, 50, 10);
    EXPECT_EQ(cache.find(longest, 10), true);
    EXPECT_EQ(cache.find(longest + "y", 10), std::nullopt);
}

TEST(AnswerCache, ItIsBoundedAndNeverWrong) {
    AnswerCache cache(1000);
    const std::size_t octets = cache.octets();
    constexpr int kKeys = 100'000;
    for (int i = 0; i < kKeys; ++i)
        cache.keep("user" + std::to_string(i) + "@example.com", i % 2 == 0, 1000 + i, 1);
    EXPECT_EQ(cache.octets(), octets);
    int kept = 0;
    for (int i = 0; i < kKeys; ++i) {
        const auto found = cache.find("user" + std::to_string(i) + "@example.com", 1);
        if (!found) continue;
        ++kept;
        EXPECT_EQ(*found, i % 2 == 0) << i;
    }
    EXPECT_GE(kept, 900);
    EXPECT_LE(kept, 1024);
}

TEST(AnswerCache, WhatEndsFirstMakesWay) {
    AnswerCache cache(4);  // one set
    for (int i = 0; i < 4; ++i)
        cache.keep("key" + std::to_string(i), true, 100 - i, 1);
    cache.keep("new", true, 200, 1);
    EXPECT_EQ(cache.find("key3", 1), std::nullopt);
    EXPECT_EQ(cache.find("key0", 1), true);
    EXPECT_EQ(cache.find("new", 1), true);
}

TEST(AnswerCache, ClearForgetsAll) {
    AnswerCache cache(100);
    cache.keep("a@b", true, 50, 10);
    cache.clear();
    EXPECT_EQ(cache.find("a@b", 10), std::nullopt);
}

}  // namespace
}  // namespace ringmx::recipients
