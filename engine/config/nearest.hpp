// The nearest valid name to a mistyped one, for error messages.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace ringmx::config {

// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other (the
// restricted Damerau-Levenshtein distance), letters compared without case.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `name`, if it is near enough to be meant. Names are dotted keys; a key that only
// stands in the wrong section ("server.domains" for "accept.domains") counts as near.
std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace ringmx::config
