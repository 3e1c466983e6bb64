#include "common/settings.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace ringmx::backends {
namespace {

// Seconds of one `unit`; 0: there is no such unit.
std::int64_t unit_seconds(std::string_view unit) {
    if (unit.empty() || unit == "s") return 1;
    if (unit == "m") return 60;
    if (unit == "h") return 3600;
    if (unit == "d") return 86400;
    return 0;
}

}  // namespace

plugin::Durability durability_option(const plugin::Options& options) {
    static constexpr plugin::Durability levels[] = {RINGMX_DURABLE_MACHINE, RINGMX_DURABLE_NONE,
                                                    RINGMX_DURABLE_PROCESS, RINGMX_DURABLE_REPLICATED};
    return levels[word_option(options, "durability", {"machine", "none", "process", "replicated"})];
}

std::chrono::milliseconds duration_option(const plugin::Options& options, std::string_view name,
                                          std::chrono::seconds fallback, std::chrono::seconds least,
                                          std::chrono::seconds most) {
    const auto text = options.find(name);
    if (!text) return fallback;
    std::int64_t count = 0;
    const char* end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, count);
    const std::int64_t unit = unit_seconds({rest, static_cast<std::size_t>(end - rest)});
    const bool valid = error == std::errc{} && unit != 0 && count >= 0 && count <= most.count() / unit &&
                       count * unit >= least.count();
    if (!valid) {
        throw std::runtime_error("option " + std::string(name) + " is to be a duration from " +
                                 std::to_string(least.count()) + "s to " + std::to_string(most.count()) +
                                 "s");
    }
    return std::chrono::seconds(count * unit);
}

std::size_t word_option(const plugin::Options& options, std::string_view name,
                        std::initializer_list<std::string_view> words) {
    const auto text = options.find(name);
    if (!text) return 0;
    const auto* found = std::find(words.begin(), words.end(), *text);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    std::string error = "option " + std::string(name) + " is to be one of";
    for (const std::string_view word : words)
        error.append(" \"").append(word).append("\"");
    throw std::runtime_error(error);
}

std::string printable(std::string_view text, std::size_t octets_max) {
    std::string out(text.substr(0, octets_max));
    for (char& c : out) {
        if (c == '\t' || c == '\r' || c == '\n') c = ' ';
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

}  // namespace ringmx::backends
