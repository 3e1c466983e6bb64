// Well-formedness of UTF-8 in addresses and parameters: RFC 3629, RFC 6531 §3.3.
#pragma once

#include <cstddef>
#include <string_view>

namespace ringmx::smtp {

// Octets of the well-formed UTF-8 sequence for one character above U+009F at the start of `text`; 0 if there
// is none. Overlong forms, surrogates, values above U+10FFFF and the C1 controls (U+0080..U+009F) are not
// well formed here.
std::size_t utf8_non_ascii_octets(std::string_view text);

}  // namespace ringmx::smtp
