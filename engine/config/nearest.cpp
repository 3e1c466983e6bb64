#include "config/nearest.hpp"

#include <algorithm>
#include <vector>

namespace ringmx::config {

namespace {

constexpr std::size_t kNameOctetsMax = 128;  // longer names are nobody's typing error
constexpr std::size_t kWrongSectionPenalty =
    1;  // a key spelt right in the wrong section, against a real typing error
constexpr std::size_t kUnrelated = static_cast<std::size_t>(-1);

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view last_part(std::string_view key) {
    const std::size_t dot = key.rfind('.');
    return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

// One letter in three may be wrong, two in a short word.
std::size_t tolerance(std::string_view name) {
    return std::max<std::size_t>(2, name.size() / 3);
}

// How far `candidate` is from `name`, or kUnrelated.
std::size_t distance_in_context(std::string_view name, std::string_view candidate) {
    const std::string_view key = last_part(name);
    const std::string_view candidate_key = last_part(candidate);
    const std::size_t key_distance = edit_distance(key, candidate_key);
    if (key_distance > tolerance(key)) return kUnrelated;
    const std::size_t section_distance =
        edit_distance(name.substr(0, name.size() - key.size()),
                      candidate.substr(0, candidate.size() - candidate_key.size()));
    if (section_distance == 0) return key_distance;
    // Another section altogether: believable only if the key itself is close to right.
    if (key_distance > 1) return kUnrelated;
    return key_distance + kWrongSectionPenalty;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    if (std::max(a.size(), b.size()) > kNameOctetsMax) return kNameOctetsMax;
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates) {
    std::optional<std::string_view> best;
    std::size_t best_distance = kUnrelated;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = distance_in_context(name, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace ringmx::config
