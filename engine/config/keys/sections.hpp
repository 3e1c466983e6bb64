// The keys by section, a file for each, and what their tables share. keys.cpp puts them together.
#pragma once

#include <cstdint>
#include <span>

#include "config/keys.hpp"

namespace ringmx::config {

// In the order of the documentation.
std::span<const Key> server_keys();
std::span<const Key> accept_keys();
std::span<const Key> smtp_keys();
std::span<const Key> tls_keys();
std::span<const Key> proxy_keys();
std::span<const Key> timeouts_keys();
std::span<const Key> limits_keys();
std::span<const Key> edge_keys();
std::span<const Key> stress_keys();
std::span<const Key> storage_keys();
std::span<const Key> confine_keys();
std::span<const Key> log_keys();
std::span<const Key> admin_keys();

inline constexpr std::uint64_t KiB = 1u << 10;
inline constexpr std::uint64_t GiB = 1u << 30;
inline constexpr std::uint64_t TiB = std::uint64_t{1} << 40;

inline constexpr std::uint64_t kCoresMax = 1024;
inline constexpr std::uint64_t kConnectionsMax = 1u << 24;
inline constexpr std::uint64_t kCountMax = 1u << 30;  // "as many as you like", without overflow anywhere
inline constexpr std::uint64_t kDayS = 86400;

// Views an enumeration of one octet as its number, so that one setter serves all of them.
template <typename Enum>
Field choice(Enum& value) {
    static_assert(sizeof(Enum) == 1);
    return ChoiceField{reinterpret_cast<std::uint8_t*>(&value)};
}

}  // namespace ringmx::config
