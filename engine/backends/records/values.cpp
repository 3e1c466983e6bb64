#include "values.hpp"

#include <array>
#include <charconv>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace ringmx::records {
namespace {

using Unit = std::pair<std::string_view, std::uint64_t>;
constexpr Unit time_units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
constexpr Unit size_units[] = {{"", 1},           {"B", 1},          {"KiB", 1u << 10},
                               {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", 1ull << 40}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const auto& [name, factor] : units) {
        if (name == suffix && number <= UINT64_MAX / factor) return number * factor;
    }
    return std::nullopt;
}

std::uint64_t bounded(const plugin::Options& options, std::string_view name, std::uint64_t fallback,
                      std::uint64_t least, std::uint64_t most, std::span<const Unit> units,
                      const char* what) {
    const auto text = options.find(name);
    if (!text) return fallback;
    const auto value = parse(*text, units);
    if (!value || *value < least || *value > most) {
        throw std::runtime_error("option " + std::string(name) + " is to be a " + what + " from " +
                                 std::to_string(least) + " to " + std::to_string(most));
    }
    return *value;
}

constexpr std::array<std::string_view, 4> durability_names{"none", "process", "machine", "replicated"};

}  // namespace

std::uint64_t duration_s(const plugin::Options& options, std::string_view name, std::uint64_t fallback,
                         std::uint64_t least, std::uint64_t most) {
    return bounded(options, name, fallback, least, most, time_units, "duration in seconds");
}

std::uint64_t size_octets(const plugin::Options& options, std::string_view name, std::uint64_t fallback,
                          std::uint64_t least, std::uint64_t most) {
    return bounded(options, name, fallback, least, most, size_units, "size in octets");
}

std::optional<plugin::Durability> durability_option(const plugin::Options& options) {
    const auto text = options.find("durability");
    if (!text) return std::nullopt;
    for (std::size_t level = 0; level < durability_names.size(); ++level) {
        if (*text == durability_names[level]) return static_cast<plugin::Durability>(level);
    }
    throw std::runtime_error("option durability is to be none, process, machine or replicated");
}

std::string_view durability_name(plugin::Durability durability) {
    return durability_names[static_cast<std::size_t>(durability)];
}

}  // namespace ringmx::records
