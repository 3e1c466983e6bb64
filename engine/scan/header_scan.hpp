// Counts trace headers in the header section of a message, for the loop limit of RFC 5321 §6.3. Resumable:
// fed the stored bytes piece by piece, stops by itself at the empty line or after
// limits::header_section_scan_max.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace ringmx::scan {

class HeaderScan {
 public:
    // Feeds the next piece of the message (CR LF lines). No effect once done().
    void feed(Bytes piece);
    bool done() const { return done_; }
    std::uint32_t received_count() const { return received_; }

 private:
    std::uint32_t received_ = 0;
    std::uint32_t seen_ = 0;     // octets so far
    std::uint8_t matched_ = 0;   // characters of "received:" matched at the start of this line
    bool at_line_start_ = true;  // matching may go on
    bool line_empty_ = true;     // nothing but CR since the last LF
    bool done_ = false;
};

}  // namespace ringmx::scan
