// Percentiles are right to within the bucket width, whatever the magnitude, and merging loses nothing.
#include "histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

TEST(Histogram, HasNothingWhenNothingWasRecorded) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.at(0.5), 0);
    EXPECT_EQ(histogram.max_ns(), 0);
    EXPECT_EQ(histogram.min_ns(), 0);
}

TEST(Histogram, SmallValuesAreExact) {
    Histogram histogram;
    for (std::int64_t value = 1; value <= 100; ++value)
        histogram.record(value);
    EXPECT_EQ(histogram.at(0.5), 50);
    EXPECT_EQ(histogram.at(0.99), 99);
    EXPECT_EQ(histogram.at(1), 100);
    EXPECT_EQ(histogram.at(0), 1);
    EXPECT_DOUBLE_EQ(histogram.mean_ns(), 50.5);
}

// Against the sorted values: never less than the true percentile, and at most one bucket more.
TEST(Histogram, PercentilesAgreeWithSortedValues) {
    for (const unsigned bits : {Histogram::kCoarse, Histogram::kPrecise}) {
        Histogram histogram(bits);
        std::mt19937_64 random(bits);
        std::vector<std::int64_t> values;
        for (int i = 0; i < 20000; ++i) {
            values.push_back(static_cast<std::int64_t>(random() >> (22 + random() % 42)));
            histogram.record(values.back());
        }
        std::sort(values.begin(), values.end());
        for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
            const auto rank = static_cast<std::size_t>(std::ceil(share * 20000)) - 1;
            const std::int64_t exact = values[rank];
            EXPECT_GE(histogram.at(share), exact) << bits << ' ' << share;
            EXPECT_LE(histogram.at(share), exact + (exact >> bits) + 1) << bits << ' ' << share;
        }
        EXPECT_EQ(histogram.at(1), values.back());
        EXPECT_EQ(histogram.min_ns(), values.front());
    }
}

// Every power of two and its neighbours: where an index could be off by one.
TEST(Histogram, EveryBorderIsInItsBucket) {
    for (unsigned shift = 0; shift < 42; ++shift) {
        for (const std::int64_t off : {-1, 0, 1}) {
            const std::int64_t value = (std::int64_t{1} << shift) + off;
            if (value >= std::int64_t{1} << 42) continue;
            Histogram histogram;
            histogram.record(value);
            histogram.record(value * 2 + 1000000);  // so that the maximum does not cut the answer
            EXPECT_GE(histogram.at(0.5), value) << value;
            EXPECT_LE(histogram.at(0.5), value + (value >> 7) + 1) << value;
        }
    }
}

TEST(Histogram, ValuesBeyondItsRangeKeepTheMaximum) {
    Histogram histogram;
    histogram.record(-5);
    histogram.record(std::int64_t{1} << 50);
    EXPECT_EQ(histogram.count(), 2u);
    EXPECT_EQ(histogram.at(0.5), 0);
    EXPECT_EQ(histogram.at(1), std::int64_t{1} << 50);
}

TEST(Histogram, MergedIsTheSameAsRecordedTogether) {
    Histogram one;
    Histogram two;
    Histogram both;
    std::mt19937_64 random(7);
    for (int i = 0; i < 5000; ++i) {
        const auto value = static_cast<std::int64_t>(random() >> (24 + random() % 40));
        (i % 3 == 0 ? one : two).record(value);
        both.record(value);
    }
    one.merge(two);
    EXPECT_EQ(one.count(), both.count());
    EXPECT_EQ(one.max_ns(), both.max_ns());
    EXPECT_EQ(one.min_ns(), both.min_ns());
    EXPECT_DOUBLE_EQ(one.mean_ns(), both.mean_ns());
    for (double share = 0; share <= 1; share += 0.01)
        EXPECT_EQ(one.at(share), both.at(share)) << share;
}

}  // namespace
}  // namespace ringmx::load
