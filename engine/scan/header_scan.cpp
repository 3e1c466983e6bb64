#include "scan/header_scan.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/limits.hpp"

namespace ringmx::scan {

namespace {

constexpr std::string_view kName = "received:";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

void HeaderScan::feed(Bytes piece) {
    for (std::size_t i = 0; i < piece.size() && !done_; ++i) {
        if (++seen_ > limits::header_section_scan_max) {
            done_ = true;
            return;
        }
        const char c = std::to_integer<char>(piece[i]);
        if (c == '\n') {
            done_ = line_empty_;
            at_line_start_ = line_empty_ = true;
            matched_ = 0;
            continue;
        }
        if (c == '\r') continue;
        line_empty_ = false;
        if (at_line_start_) {
            at_line_start_ = lower(c) == kName[matched_];
            if (at_line_start_ && ++matched_ == kName.size()) {
                ++received_;
                at_line_start_ = false;
            }
            continue;
        }
        // The rest of the line does not matter: on to its LF.
        const void* lf = std::memchr(piece.data() + i, '\n', piece.size() - i);
        const std::size_t end =
            lf == nullptr ? piece.size()
                          : static_cast<std::size_t>(static_cast<const std::byte*>(lf) - piece.data());
        seen_ += static_cast<std::uint32_t>(end - i - 1);
        i = end - 1;
    }
}

}  // namespace ringmx::scan
