// A message's content on its way to the socket: pieces that point into the message's own memory, with a dot
// put before each line that begins with one (RFC 5321 §4.5.2) and the end of data behind, if it goes with
// DATA. With BDAT it goes as it is.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "ringmx/backend.h"

namespace ringmx::lmtp {

enum class Framing { chunk, dotted };  // BDAT, DATA

class Content {
 public:
    Content() = default;  // nothing
    Content(std::span<const ringmx_bytes> spans, Framing framing) : spans_(spans), framing_(framing) {}

    // The next piece, not empty; empty: that was all.
    std::string_view next();

 private:
    std::string_view next_dotted();

    std::span<const ringmx_bytes> spans_;
    std::size_t span_ = 0;
    std::size_t offset_ = 0;  // in the span
    Framing framing_ = Framing::chunk;
    bool line_start_ = true;  // the next octet begins a line
    bool stuffed_ = false;    // its dot has been doubled
    bool ended_ = false;      // the end of data has been given
};

// Whether CR and LF appear in pairs only. If not, DATA cannot carry the content as it is: a server that takes
// a bare LF for a line end would see another end of data than we do.
bool has_bare_line_end(std::span<const ringmx_bytes> spans);

// Whether an octet above 127 stands in the header section (up to the first empty line).
bool has_8bit_header(std::span<const ringmx_bytes> spans);

}  // namespace ringmx::lmtp
