// The lengths of generated mails: lists with weights, and the lognormal distribution.
#include "sizes.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

TEST(Sizes, ListsHaveWeights) {
    const auto sizes = parse_sizes("1KiB:70,10KiB:25,1MiB", 64);
    ASSERT_TRUE(sizes.ok());
    ASSERT_EQ(sizes->size(), 3u);
    EXPECT_EQ((*sizes)[0].octets, 1024u);
    EXPECT_DOUBLE_EQ((*sizes)[0].weight, 70);
    EXPECT_EQ((*sizes)[2].octets, 1048576u);
    EXPECT_DOUBLE_EQ((*sizes)[2].weight, 1);
}

TEST(Sizes, LognormalHasItsMedianAndSpread) {
    const auto sizes = parse_sizes("lognormal:10000:1", 64);
    ASSERT_TRUE(sizes.ok());
    ASSERT_EQ(sizes->size(), kLognormalSizes);
    EXPECT_TRUE(std::is_sorted(sizes->begin(), sizes->end(),
                               [](const auto& a, const auto& b) { return a.octets < b.octets; }));
    const auto at = [&](double share) {
        return static_cast<double>((*sizes)[static_cast<std::size_t>(share * kLognormalSizes)].octets);
    };
    EXPECT_NEAR(at(0.5), 10000, 200);
    EXPECT_NEAR(at(0.8413), 27183, 1000);  // one sigma up: times e
    EXPECT_NEAR(at(0.1587), 3679, 150);
}

TEST(Sizes, LognormalStaysWithinItsBounds) {
    const auto sizes = parse_sizes("lognormal:1KiB:3:50KiB", 500);
    ASSERT_TRUE(sizes.ok());
    EXPECT_EQ(sizes->front().octets, 500u);
    EXPECT_EQ(sizes->back().octets, 51200u);
}

TEST(Sizes, WrongOnesAreRefused) {
    for (const char* wrong : {"", "63", "2GiB", "1KiB:0", "1KiB:x", "1KiB,", "lognormal:", "lognormal:1KiB",
                              "lognormal:1KiB:0", "lognormal:1KiB:1:10", "lognormal:1KiB:1:2KiB:3"})
        EXPECT_FALSE(parse_sizes(wrong, 64).ok()) << wrong;
}

}  // namespace
}  // namespace ringmx::load
