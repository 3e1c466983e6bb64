// Cursor: the place of one stored message in a spool: the shard, the segment and the offset of its commit
// frame. Names a message for as long as the spool exists: segment numbers and the offsets in them are never
// used twice. See docs/spool-format.md.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringmx::storage::spool {

struct Cursor {
    std::uint32_t shard = 0;
    std::uint64_t segment = 0;  // 1 and up; 0: before everything in the shard
    std::uint32_t offset = 0;   // bytes from the start of the segment

    // "0003-00000000000001a7-00fe8000": shard, segment and offset in hexadecimal, so texts sort in log order.
    std::string text() const;
    static std::optional<Cursor> parse(std::string_view text);

    auto operator<=>(const Cursor&) const = default;
};

}  // namespace ringmx::storage::spool
