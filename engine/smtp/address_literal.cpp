// Address literals: IPv4, IPv6 and the general form. RFC 5321 §4.1.3.
#include "smtp/address.hpp"
#include "smtp/char_class.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kIpv6Groups = 8;
constexpr std::size_t kIpv4Numbers = 4;

// Snum 3("." Snum): each 0..255 in one to three digits.
bool is_ipv4(std::string_view text) {
    std::size_t at = 0;
    for (std::size_t number = 0; number < kIpv4Numbers; ++number) {
        if (number > 0 && (at >= text.size() || text[at++] != '.')) return false;
        unsigned value = 0;
        std::size_t digits = 0;
        while (at < text.size() && is_class(text[at], char_class::digit) && digits < 4) {
            value = value * 10 + static_cast<unsigned>(text[at++] - '0');
            ++digits;
        }
        if (digits == 0 || digits > 3 || value > 255) return false;
    }
    return at == text.size();
}

// One to four hexadecimal digits at the front; 0 if there are none or more.
std::size_t hex_group_octets(std::string_view text) {
    std::size_t octets = 0;
    while (octets < text.size() && is_hex_digit(text[octets]))
        ++octets;
    return octets <= 4 ? octets : 0;
}

// IPv6-full / IPv6-comp / IPv6v4-full / IPv6v4-comp.
bool is_ipv6(std::string_view text) {
    std::size_t groups = 0;
    bool compressed = false;
    if (text.substr(0, 2) == "::") {
        compressed = true;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        if (groups + 2 <= kIpv6Groups && is_ipv4(text)) {
            groups += 2;
            break;
        }
        const std::size_t octets = hex_group_octets(text);
        if (octets == 0 || ++groups > kIpv6Groups) return false;
        text.remove_prefix(octets);
        if (text.empty()) break;
        if (text.substr(0, 2) == "::") {
            if (compressed) return false;
            compressed = true;
            text.remove_prefix(2);
        } else if (text[0] == ':' && text.size() > 1) {
            text.remove_prefix(1);
        } else {
            return false;
        }
    }
    return compressed ? groups < kIpv6Groups : groups == kIpv6Groups;
}

// Standardized-tag ":" 1*dcontent; the tag is an Ldh-str.
bool is_general(std::string_view tag, std::string_view content) {
    if (tag.empty() || !is_class(tag.back(), char_class::alnum) || content.empty()) return false;
    for (const char c : tag) {
        if (c != '-' && !is_class(c, char_class::alnum)) return false;
    }
    for (const char c : content) {
        if (!is_class(c, char_class::dcontent)) return false;
    }
    return true;
}

}  // namespace

bool is_address_literal(std::string_view text) {
    if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
    const std::string_view inside = text.substr(1, text.size() - 2);
    const std::size_t colon = inside.find(':');
    if (colon == std::string_view::npos) return is_ipv4(inside);
    const std::string_view tag = inside.substr(0, colon);
    const std::string_view content = inside.substr(colon + 1);
    if (equals_caseless(tag, "ipv6")) return is_ipv6(content);
    return is_general(tag, content);
}

}  // namespace ringmx::smtp
