// One table-free decoder for the sequences of RFC 3629 §4: what the second octet may be depends on the first.
#include "smtp/utf8.hpp"

#include <cstdint>

namespace ringmx::smtp {

namespace {

struct Lead {
    std::size_t octets;         // of the whole sequence; 0: not a lead octet
    std::uint8_t second_least;  // bounds of the second octet
    std::uint8_t second_most;
};

Lead lead_of(std::uint8_t first) {
    if (first == 0xC2) return {2, 0xA0, 0xBF};  // U+0080..U+009F are the C1 controls
    if (first >= 0xC3 && first <= 0xDF) return {2, 0x80, 0xBF};
    if (first == 0xE0) return {3, 0xA0, 0xBF};  // below: overlong
    if (first == 0xED) return {3, 0x80, 0x9F};  // above: surrogates
    if (first >= 0xE1 && first <= 0xEF) return {3, 0x80, 0xBF};
    if (first == 0xF0) return {4, 0x90, 0xBF};  // below: overlong
    if (first >= 0xF1 && first <= 0xF3) return {4, 0x80, 0xBF};
    if (first == 0xF4) return {4, 0x80, 0x8F};  // above: past U+10FFFF
    return {0, 0, 0};
}

}  // namespace

std::size_t utf8_non_ascii_octets(std::string_view text) {
    if (text.empty()) return 0;
    const Lead lead = lead_of(static_cast<std::uint8_t>(text[0]));
    if (lead.octets == 0 || text.size() < lead.octets) return 0;
    const auto second = static_cast<std::uint8_t>(text[1]);
    if (second < lead.second_least || second > lead.second_most) return 0;
    for (std::size_t i = 2; i < lead.octets; ++i) {
        if ((static_cast<std::uint8_t>(text[i]) & 0xC0u) != 0x80) return 0;
    }
    return lead.octets;
}

}  // namespace ringmx::smtp
