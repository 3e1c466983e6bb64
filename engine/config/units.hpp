// The two kinds of quantity that the configuration writes with a unit: sizes in octets and durations in
// seconds. Plain integers are octets and seconds. Nothing is rounded: a text that does not fit its type is
// not a quantity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringmx::config {

// "4096", "64KiB", "256MiB", "2GiB", "1TiB", "512B"; one optional blank before the unit.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "30", "30s", "5m", "2h", "1d".
std::optional<std::uint64_t> parse_duration(std::string_view text);

// The shortest exact form, which the parsers take back: 65536 is "64KiB", 65537 is "65537B"; 300 is "5m".
std::string format_size(std::uint64_t octets);
std::string format_duration(std::uint64_t seconds);

}  // namespace ringmx::config
