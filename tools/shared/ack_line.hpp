// The file of acknowledged messages: one line for each 250 that answered a whole message,
//     ID SHA256 OCTETS LF
// ID is what the server called the message ("stored as ID" in the text of its 250), or "-". SHA256 and OCTETS
// are of the mail data as sent: without dot-stuffing, without the final dot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "digest/sha256.hpp"

namespace ringmx::tools {

struct AckLine {
    std::string_view id;
    std::string_view sha256;  // 64 hexadecimal digits
    std::uint64_t octets = 0;
};

void append_ack_line(std::string& out, std::string_view id, const Sha256::Digest& digest,
                     std::uint64_t octets);
// The views point into `line`, which has no LF. Nothing: not such a line.
std::optional<AckLine> parse_ack_line(std::string_view line);

// The id in the text of a 250, or "-".
std::string_view id_of_reply(std::string_view text);

}  // namespace ringmx::tools
