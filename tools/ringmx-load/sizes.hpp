// How long the generated mails are: one length, a list with weights, or a lognormal distribution.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ringmx::load {

struct WeightedSize {
    std::uint64_t octets = 0;
    double weight = 1;
};

// "1KiB"; "1KiB:70,10KiB:25,1MiB:5"; "lognormal:MEDIAN:SIGMA" or "lognormal:MEDIAN:SIGMA:MAX", which becomes
// kLognormalSizes lengths of equal weight, the distribution's quantiles. No length is below `least`.
Result<std::vector<WeightedSize>> parse_sizes(std::string_view text, std::uint64_t least);

constexpr std::size_t kLognormalSizes = 256;
constexpr std::uint64_t kMailOctetsMax = std::uint64_t{1} << 30;

}  // namespace ringmx::load
