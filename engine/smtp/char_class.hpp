// Character classes of the SMTP grammar as one 256-entry table. RFC 5321 §4.1.2, §4.1.3; RFC 3461 §4.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringmx::smtp {

namespace char_class {
constexpr std::uint8_t alnum = 1;       // ALPHA / DIGIT
constexpr std::uint8_t atext = 2;       // RFC 5322 §3.2.3
constexpr std::uint8_t qtext = 4;       // qtextSMTP
constexpr std::uint8_t dcontent = 8;    // of a general address literal
constexpr std::uint8_t value = 16;      // esmtp-value
constexpr std::uint8_t xchar = 32;      // of xtext: printable but "+" and "="
constexpr std::uint8_t printable = 64;  // %d32-126
constexpr std::uint8_t digit = 128;

constexpr std::array<std::uint8_t, 256> make_table() {
    std::array<std::uint8_t, 256> table{};
    constexpr std::string_view atext_specials = "!#$%&'*+-/=?^_`{|}~";
    for (unsigned c = 32; c <= 126; ++c) {
        std::uint8_t bits = printable;
        const bool is_digit = c >= '0' && c <= '9';
        const bool is_alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (is_digit) bits |= digit;
        if (is_digit || is_alpha) bits |= alnum | atext;
        if (atext_specials.find(static_cast<char>(c)) != std::string_view::npos) bits |= atext;
        if (c != '"' && c != '\\') bits |= qtext;
        if (c > 32 && (c < '[' || c > ']')) bits |= dcontent;
        if (c > 32 && c != '=') bits |= value;
        if (c > 32 && c != '=' && c != '+') bits |= xchar;
        table[c] = bits;
    }
    return table;
}

inline constexpr std::array<std::uint8_t, 256> table = make_table();
}  // namespace char_class

inline bool is_class(char c, std::uint8_t bits) {
    return (char_class::table[static_cast<std::uint8_t>(c)] & bits) != 0;
}

inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

inline bool is_hex_digit(char c) {
    return is_class(c, char_class::digit) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

inline char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// `lower` is in lower case.
inline bool equals_caseless(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (to_lower(text[i]) != lower[i]) return false;
    }
    return true;
}

}  // namespace ringmx::smtp
