#include "histogram.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace ringmx::load {

Histogram::Histogram(unsigned precision_bits)
    : bits_(precision_bits),
      sub_count_(std::uint64_t{1} << precision_bits),
      buckets_(static_cast<std::size_t>(sub_count_ * (kValueBits - precision_bits + 1))) {}

void Histogram::merge(const Histogram& other) {
    RMX_ASSERT(bits_ == other.bits_);
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket)
        buckets_[bucket] += other.buckets_[bucket];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
    min_ = std::min(min_, other.min_);
}

void Histogram::clear() {
    *this = Histogram(bits_);
}

double Histogram::mean_ns() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::last_of(std::size_t bucket) const {
    if (bucket < sub_count_) return bucket;
    const std::uint64_t shift = bucket / sub_count_ - 1;
    const std::uint64_t top = bucket - sub_count_ * shift;
    return ((top + 1) << shift) - 1;
}

std::int64_t Histogram::at(double share) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(share * static_cast<double>(count_));
    const std::uint64_t rank =
        std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max(wanted, 1.0)), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket + 1 < buckets_.size(); ++bucket) {
        seen += buckets_[bucket];
        if (seen >= rank) return static_cast<std::int64_t>(std::min(last_of(bucket), max_));
    }
    return max_ns();
}

}  // namespace ringmx::load
