// A high-dynamic-range histogram of durations: log-linear buckets (each power of two is cut into equal
// parts), so the relative error is the same from nanoseconds to an hour. Recording is an increment; no
// allocation after construction. One thread; merge() brings threads together afterwards.
#pragma once

#include <cstdint>
#include <vector>

namespace ringmx::load {

class Histogram {
 public:
    // Buckets are at most 1/2^precision_bits of their value wide: 7 bits are 0.8 %.
    static constexpr unsigned kPrecise = 7;
    static constexpr unsigned kCoarse = 4;
    explicit Histogram(unsigned precision_bits = kPrecise);

    // Values below 0 count as 0, values above about 73 minutes in the last bucket; max() stays exact.
    void record(std::int64_t value_ns) {
        const std::uint64_t value = value_ns < 0 ? 0 : static_cast<std::uint64_t>(value_ns);
        ++buckets_[bucket_of(value)];
        ++count_;
        sum_ += value;
        if (value > max_) max_ = value;
        if (value < min_) min_ = value;
    }
    // Both must have the same precision.
    void merge(const Histogram& other);
    void clear();

    std::uint64_t count() const { return count_; }
    std::int64_t max_ns() const { return static_cast<std::int64_t>(max_); }
    std::int64_t min_ns() const { return count_ == 0 ? 0 : static_cast<std::int64_t>(min_); }
    double mean_ns() const;
    // The least value that at least `share` (0 to 1) of all recorded values do not exceed, rounded up to the
    // end of its bucket and never above max_ns(). 0 when nothing was recorded.
    std::int64_t at(double share) const;

 private:
    static constexpr unsigned kValueBits = 42;

    std::size_t bucket_of(std::uint64_t value) const {
        if (value >= std::uint64_t{1} << kValueBits) return buckets_.size() - 1;
        if (value < sub_count_) return static_cast<std::size_t>(value);
        const unsigned shift = 63u - static_cast<unsigned>(__builtin_clzll(value)) - bits_;
        return static_cast<std::size_t>(sub_count_ * shift + (value >> shift));
    }
    std::uint64_t last_of(std::size_t bucket) const;  // the greatest value that falls into it

    unsigned bits_;
    std::uint64_t sub_count_;
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
    std::uint64_t min_ = ~std::uint64_t{0};
};

}  // namespace ringmx::load
