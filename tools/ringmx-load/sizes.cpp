#include "sizes.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <string>

#include "options.hpp"

namespace ringmx::load {
namespace {

constexpr std::string_view kLognormal = "lognormal:";

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

bool parse_number(std::string_view text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && value > 0 && value < 1e15;
}

// The standard normal quantile, by bisection of its distribution function: a few hundred calls at the start.
double normal_quantile(double share) {
    double low = -10;
    double high = 10;
    for (int step = 0; step < 60; ++step) {
        const double middle = (low + high) / 2;
        (std::erfc(-middle / std::sqrt(2.0)) / 2 < share ? low : high) = middle;
    }
    return (low + high) / 2;
}

Result<std::vector<WeightedSize>> lognormal(std::string_view text, std::uint64_t least) {
    const std::vector<std::string_view> parts = split(text, ':');
    double sigma = 0;
    if (parts.size() < 2 || parts.size() > 3 || !parse_number(parts[1], sigma)) {
        return Error{EINVAL, "expected lognormal:MEDIAN:SIGMA[:MAX], such as lognormal:8KiB:1.5:10MiB"};
    }
    const auto median = parse_size(parts[0]);
    if (!median) return median.error();
    std::uint64_t most = kMailOctetsMax;
    if (parts.size() == 3) {
        const auto given = parse_size(parts[2]);
        if (!given) return given.error();
        most = std::min(*given, most);
    }
    if (most < least) return Error{EINVAL, "a mail has at least " + std::to_string(least) + " octets"};
    std::vector<WeightedSize> sizes;
    for (std::size_t i = 0; i < kLognormalSizes; ++i) {
        const double share = (static_cast<double>(i) + 0.5) / kLognormalSizes;
        const double octets = static_cast<double>(*median) * std::exp(sigma * normal_quantile(share));
        const double bounded = std::clamp(octets, static_cast<double>(least), static_cast<double>(most));
        sizes.push_back({static_cast<std::uint64_t>(bounded), 1});
    }
    return sizes;
}

}  // namespace

Result<std::vector<WeightedSize>> parse_sizes(std::string_view text, std::uint64_t least) {
    if (text.starts_with(kLognormal)) return lognormal(text.substr(kLognormal.size()), least);
    std::vector<WeightedSize> sizes;
    for (const std::string_view item : split(text, ',')) {
        const std::size_t colon = item.find(':');
        const auto octets = parse_size(item.substr(0, colon));
        if (!octets) return octets.error();
        WeightedSize size{*octets, 1};
        if (colon != std::string_view::npos && !parse_number(item.substr(colon + 1), size.weight)) {
            return Error{EINVAL, "'" + std::string(item) + "' is not SIZE:WEIGHT"};
        }
        if (size.octets < least || size.octets > kMailOctetsMax) {
            return Error{EINVAL, "a mail has " + std::to_string(least) + " octets to 1 GiB, not " +
                                     std::to_string(size.octets)};
        }
        sizes.push_back(size);
    }
    return sizes;
}

}  // namespace ringmx::load
