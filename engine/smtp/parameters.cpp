// Parameter values; see the header. xtext decodes to printable ASCII only, so that what is stored can go into
// a delivery status notification as it is (RFC 3461 §4.2, §4.4).
#include "smtp/parameters.hpp"

#include <limits>

#include "smtp/char_class.hpp"
#include "smtp/command_parser.hpp"
#include "smtp/utf8.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kSizeDigitsMax = 20;  // RFC 1870 §3

unsigned hex_value(char c) {
    return static_cast<unsigned>(is_class(c, char_class::digit) ? c - '0' : to_lower(c) - 'a' + 10);
}

// hexchar = "+" two upper-case hexadecimal digits (RFC 3461 §4).
bool is_hexchar(std::string_view text) {
    if (text.size() < 3 || !is_hex_digit(text[1]) || !is_hex_digit(text[2])) return false;
    if (text[1] >= 'a' || text[2] >= 'a') return false;
    const unsigned octet = hex_value(text[1]) * 16 + hex_value(text[2]);
    return is_class(static_cast<char>(octet), char_class::printable);
}

bool is_xtext(std::string_view text, bool utf8) {
    while (!text.empty()) {
        std::size_t octets = 0;
        if (is_class(text[0], char_class::xchar)) {
            octets = 1;
        } else if (text[0] == '+') {
            octets = is_hexchar(text) ? 3 : 0;
        } else if (utf8) {
            octets = utf8_non_ascii_octets(text);
        }
        if (octets == 0) return false;
        text.remove_prefix(octets);
    }
    return true;
}

std::size_t keyword_octets(std::string_view text) {
    if (text.empty() || !is_class(text[0], char_class::alnum)) return 0;
    std::size_t octets = 1;
    while (octets < text.size() && (is_class(text[octets], char_class::alnum) || text[octets] == '-'))
        ++octets;
    return octets;
}

std::size_t value_octets(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t octets =
            is_class(text[at], char_class::value) ? 1 : utf8_non_ascii_octets(text.substr(at));
        if (octets == 0) break;
        at += octets;
    }
    return at;
}

std::uint8_t notify_bit(std::string_view word) {
    if (equals_caseless(word, "never")) return 1;
    if (equals_caseless(word, "success")) return 2;
    if (equals_caseless(word, "failure")) return 4;
    if (equals_caseless(word, "delay")) return 8;
    return 0;
}

}  // namespace

NextParameter take_parameter(std::string_view& rest, Parameter& parameter) {
    std::size_t blanks = 0;
    while (blanks < rest.size() && is_blank(rest[blanks]))
        ++blanks;
    rest.remove_prefix(blanks);
    if (rest.empty()) return NextParameter::none;
    if (blanks == 0) return NextParameter::syntax;

    const std::size_t keyword = keyword_octets(rest);
    if (keyword == 0) return NextParameter::syntax;
    parameter = {rest.substr(0, keyword), {}, false};
    rest.remove_prefix(keyword);
    if (!rest.empty() && rest[0] == '=') {
        rest.remove_prefix(1);
        const std::size_t value = value_octets(rest);
        if (value == 0) return NextParameter::syntax;
        parameter.value = rest.substr(0, value);
        parameter.has_value = true;
        rest.remove_prefix(value);
    }
    return rest.empty() || is_blank(rest[0]) ? NextParameter::taken : NextParameter::syntax;
}

std::optional<std::uint64_t> parse_size(std::string_view value) {
    if (value.empty() || value.size() > kSizeDigitsMax) return std::nullopt;
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t size = 0;
    for (const char c : value) {
        if (!is_class(c, char_class::digit)) return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        size = size > (most - digit) / 10 ? most : size * 10 + digit;
    }
    return size;
}

std::optional<BodyType> parse_body(std::string_view value) {
    if (equals_caseless(value, "7bit")) return BodyType::seven_bit;
    if (equals_caseless(value, "8bitmime")) return BodyType::eight_bit_mime;
    if (equals_caseless(value, "binarymime")) return BodyType::binary_mime;
    return std::nullopt;
}

std::optional<DsnReturn> parse_ret(std::string_view value) {
    if (equals_caseless(value, "full")) return DsnReturn::full;
    if (equals_caseless(value, "hdrs")) return DsnReturn::headers;
    return std::nullopt;
}

std::optional<std::uint8_t> parse_notify(std::string_view value) {
    constexpr std::uint8_t never = 1;
    std::uint8_t bits = 0;
    for (;;) {
        const std::size_t comma = value.find(',');
        const std::uint8_t bit = notify_bit(value.substr(0, comma));
        if (bit == 0) return std::nullopt;
        if (bits != 0 && ((bit | bits) & never) != 0) return std::nullopt;
        bits = static_cast<std::uint8_t>(bits | bit);
        if (comma == std::string_view::npos) return bits;
        value.remove_prefix(comma + 1);
    }
}

bool is_envid(std::string_view value) {
    return !value.empty() && value.size() <= kEnvidOctetsMax && is_xtext(value, false);
}

bool is_orcpt(std::string_view value, bool smtputf8) {
    if (value.size() > kOrcptOctetsMax) return false;
    const std::size_t semicolon = value.find(';');
    if (semicolon == std::string_view::npos || semicolon == 0 || semicolon + 1 == value.size()) return false;
    const std::string_view type = value.substr(0, semicolon);
    for (const char c : type) {
        if (!is_class(c, char_class::atext)) return false;
    }
    return is_xtext(value.substr(semicolon + 1), smtputf8 && equals_caseless(type, "utf-8"));
}

}  // namespace ringmx::smtp
