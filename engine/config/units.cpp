#include "config/units.hpp"

#include <charconv>
#include <span>

namespace ringmx::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Largest first: formatting takes the first one that divides.
constexpr Unit kSizeUnits[] = {
    {"TiB", std::uint64_t{1} << 40}, {"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"B", 1}};
constexpr Unit kDurationUnits[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{}) return std::nullopt;
    std::string_view name(stop, static_cast<std::size_t>(end - stop));
    if (name.empty()) return number;
    if (name.size() > 1 && name.front() == ' ') name.remove_prefix(1);
    for (const Unit& unit : units) {
        if (name != unit.name) continue;
        std::uint64_t product = 0;
        if (__builtin_mul_overflow(number, unit.factor, &product)) return std::nullopt;
        return product;
    }
    return std::nullopt;
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
    for (const Unit& unit : units) {
        if (value % unit.factor == 0 && (value != 0 || unit.factor == 1)) {
            return std::to_string(value / unit.factor).append(unit.name);
        }
    }
    return std::to_string(value);
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
    return parse(text, kSizeUnits);
}
std::optional<std::uint64_t> parse_duration(std::string_view text) {
    return parse(text, kDurationUnits);
}
std::string format_size(std::uint64_t octets) {
    return format(octets, kSizeUnits);
}
std::string format_duration(std::uint64_t seconds) {
    return format(seconds, kDurationUnits);
}

}  // namespace ringmx::config
