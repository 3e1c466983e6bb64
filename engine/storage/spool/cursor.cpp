#include "storage/spool/cursor.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace ringmx::storage::spool {
namespace {

template <typename T>
bool parse_field(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string Cursor::text() const {
    std::array<char, 48> out;
    const int length = std::snprintf(out.data(), out.size(), "%04x-%016llx-%08x", shard,
                                     static_cast<unsigned long long>(segment), offset);
    return {out.data(), static_cast<std::size_t>(length)};
}

std::optional<Cursor> Cursor::parse(std::string_view text) {
    constexpr std::size_t kLength = 4 + 1 + 16 + 1 + 8;
    if (text.size() != kLength || text[4] != '-' || text[21] != '-') return std::nullopt;
    Cursor cursor;
    if (!parse_field(text.substr(0, 4), cursor.shard) || !parse_field(text.substr(5, 16), cursor.segment) ||
        !parse_field(text.substr(22, 8), cursor.offset)) {
        return std::nullopt;
    }
    return cursor;
}

}  // namespace ringmx::storage::spool
