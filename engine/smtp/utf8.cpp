#include "smtp/utf8.hpp"

#include "base/utf8.hpp"

namespace ringmx::smtp {

std::size_t utf8_non_ascii_octets(std::string_view text) {
    const std::size_t octets = utf8_multibyte_length(text);
    // C2 80 to C2 9F are U+0080 to U+009F, the C1 controls.
    const bool control = octets == 2 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0;
    return control ? 0 : octets;
}

}  // namespace ringmx::smtp
