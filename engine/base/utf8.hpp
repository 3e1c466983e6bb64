// Well-formed UTF-8 of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
// Allocation free; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace ringmx {

// Octets of the multi-octet sequence at the start of `text`; 0 if there is none that is well formed (or
// ASCII).
constexpr std::size_t utf8_multibyte_length(std::string_view text) {
    if (text.size() < 2) return 0;
    const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = at(0);
    std::size_t length = 0;
    unsigned char second_min = 0x80;
    unsigned char second_max = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) second_min = 0xA0;  // shorter forms exist
        if (lead == 0xED) second_max = 0x9F;  // surrogates
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) second_min = 0x90;  // shorter forms exist
        if (lead == 0xF4) second_max = 0x8F;  // above U+10FFFF
    }
    if (length == 0 || text.size() < length) return 0;
    if (at(1) < second_min || at(1) > second_max) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (at(i) < 0x80 || at(i) > 0xBF) return 0;
    }
    return length;
}

}  // namespace ringmx
