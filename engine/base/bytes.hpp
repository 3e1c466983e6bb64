// Views of bytes that are not owned, and little-endian loads and stores.
// Everything here is constexpr-simple, allocation free and safe on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace ringmx {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Unaligned little-endian access; the on-disk formats are little-endian on every machine.
template <typename T>
T load_le(const void* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ringmx supports little-endian machines");
    return value;
}

template <typename T>
void store_le(void* to, T value) {
    std::memcpy(to, &value, sizeof value);
}

constexpr std::size_t align_up(std::size_t value, std::size_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace ringmx
