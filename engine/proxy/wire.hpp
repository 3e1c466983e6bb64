// The two forms of the header on the wire, for the decoder, which cuts them out.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.hpp"
#include "proxy/header.hpp"

namespace ringmx::proxy {

constexpr std::string_view kTextSignature = "PROXY ";
constexpr std::string_view kBinarySignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kBinaryHeadOctets = 16;  // signature, version and command, family, length

// `line` ends with its LF.
Failure parse_text_header(std::string_view line, Header& header);

// The fixed part: what it announces may be read on. `octets`: of the whole header.
Failure parse_binary_head(Bytes head, std::size_t& octets);
// A whole header with a good head. The four octets of its checksum, if it has one, are zero afterwards.
Failure parse_binary_header(MutableBytes octets, Header& header);

}  // namespace ringmx::proxy
