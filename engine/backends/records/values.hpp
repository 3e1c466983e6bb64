// Values of options in the units of the configuration: "10s", "5m" or a number of seconds; "64MiB" or a
// number of octets. Throws std::runtime_error, which names the option, for anything else and beyond the
// limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ringmx/backend.hpp"

namespace ringmx::records {

std::uint64_t duration_s(const plugin::Options& options, std::string_view name, std::uint64_t fallback,
                         std::uint64_t least, std::uint64_t most);
std::uint64_t size_octets(const plugin::Options& options, std::string_view name, std::uint64_t fallback,
                          std::uint64_t least, std::uint64_t most);

// Option `durability`, if it is given.
std::optional<plugin::Durability> durability_option(const plugin::Options& options);
std::string_view durability_name(plugin::Durability durability);

}  // namespace ringmx::records
