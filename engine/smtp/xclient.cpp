#include "smtp/xclient.hpp"

#include <algorithm>
#include <charconv>

#include "smtp/address.hpp"
#include "smtp/char_class.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kPortDigitsMax = 5;

bool is_unavailable(std::string_view value) {
    return equals_caseless(value, "[unavailable]") || equals_caseless(value, "[tempunavail]");
}

unsigned hex_value(char c) {
    return static_cast<unsigned>(is_class(c, char_class::digit) ? c - '0' : to_lower(c) - 'a' + 10);
}

// One octet of xtext off the front of `rest`, decoded; nothing if it is none, or not printable ASCII.
std::optional<char> take_xtext(std::string_view& rest) {
    const char first = rest[0];
    if (first != '+') {
        rest.remove_prefix(1);
        return is_class(first, char_class::xchar) ? std::optional(first) : std::nullopt;
    }
    if (rest.size() < 3 || !is_hex_digit(rest[1]) || !is_hex_digit(rest[2])) return std::nullopt;
    const char octet = static_cast<char>(hex_value(rest[1]) * 16 + hex_value(rest[2]));
    rest.remove_prefix(3);
    return is_class(octet, char_class::printable) ? std::optional(octet) : std::nullopt;
}

bool decode(std::string_view value, XclientText& text) {
    text.octets = 0;
    while (!value.empty()) {
        const std::optional<char> octet = take_xtext(value);
        if (!octet || text.octets == text.decoded.size()) return false;
        text.decoded[text.octets++] = *octet;
    }
    return text.octets > 0;
}

// [UNAVAILABLE] is a word of its own; it may come encoded, too.
bool parse_text(std::string_view value, XclientText& text) {
    if (!decode(value, text)) return false;
    text.given = is_unavailable(text.text()) ? XclientText::Given::unavailable : XclientText::Given::yes;
    return true;
}

bool parse_name(std::string_view value, XclientText& text) {
    if (!parse_text(value, text)) return false;
    return text.given == XclientText::Given::unavailable ||
           (text.text()[0] != '[' && is_hello_name(text.text()));
}

bool parse_address(std::string_view value, std::optional<PeerAddress>& address) {
    XclientText text;
    if (!decode(value, text)) return false;
    constexpr std::string_view tag = "ipv6:";
    std::string_view plain = text.text();
    if (is_unavailable(plain)) {
        address = PeerAddress{};
    } else if (equals_caseless(plain.substr(0, tag.size()), tag)) {
        address = PeerAddress::parse_ipv6(plain.substr(tag.size()));
    } else {
        address = PeerAddress::parse_ipv4(plain);
    }
    return address.has_value();
}

bool parse_port(std::string_view value, std::optional<std::uint16_t>& port) {
    XclientText text;
    if (!decode(value, text)) return false;
    const std::string_view digits = text.text();
    port = 0;
    if (is_unavailable(digits)) return true;
    if (digits.size() > kPortDigitsMax) return false;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *port);
    return error == std::errc{} && end == digits.data() + digits.size();
}

bool parse_protocol(std::string_view value, std::optional<bool>& extended) {
    extended = equals_caseless(value, "esmtp");
    return *extended || equals_caseless(value, "smtp");
}

bool apply(std::string_view name, std::string_view value, XclientCommand& command) {
    if (equals_caseless(name, "name")) return parse_name(value, command.name);
    if (equals_caseless(name, "addr")) return parse_address(value, command.address);
    if (equals_caseless(name, "port")) return parse_port(value, command.port);
    if (equals_caseless(name, "proto")) return parse_protocol(value, command.extended);
    if (equals_caseless(name, "helo")) return parse_text(value, command.helo);
    if (equals_caseless(name, "login")) return parse_text(value, command.login);
    if (equals_caseless(name, "destaddr")) return parse_address(value, command.destination);
    if (equals_caseless(name, "destport")) return parse_port(value, command.destination_port);
    return false;
}

}  // namespace

const Rule* parse_xclient(std::string_view argument, XclientCommand& command) {
    if (argument.empty()) return &rules::xclient_syntax;
    while (!argument.empty()) {
        const auto end = std::find_if(argument.begin(), argument.end(), is_blank);
        const std::string_view word = argument.substr(0, static_cast<std::size_t>(end - argument.begin()));
        argument.remove_prefix(word.size());
        while (!argument.empty() && is_blank(argument[0]))
            argument.remove_prefix(1);
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) return &rules::xclient_syntax;
        if (!apply(word.substr(0, equals), word.substr(equals + 1), command)) return &rules::xclient_syntax;
    }
    return nullptr;
}

}  // namespace ringmx::smtp
