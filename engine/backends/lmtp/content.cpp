#include "lmtp/content.hpp"

#include <algorithm>
#include <cstring>

namespace ringmx::lmtp {

std::string_view Content::next() {
    while (span_ < spans_.size() && offset_ == spans_[span_].size) {
        ++span_;
        offset_ = 0;
    }
    if (framing_ == Framing::dotted) return next_dotted();
    if (span_ == spans_.size()) return {};
    const ringmx_bytes& span = spans_[span_++];
    return {span.data, span.size};
}

// Up to and including the LF before the next line that begins with a dot, or to the end of the span.
std::string_view Content::next_dotted() {
    if (span_ == spans_.size()) {
        if (ended_ || spans_.empty()) return {};
        ended_ = true;
        return line_start_ ? std::string_view(".\r\n") : std::string_view("\r\n.\r\n");
    }
    const std::string_view rest(spans_[span_].data + offset_, spans_[span_].size - offset_);
    if (line_start_ && rest.front() == '.' && !stuffed_) {
        stuffed_ = true;
        return ".";
    }
    std::size_t end = 0;
    do {
        const std::size_t found = rest.find('\n', end);
        end = found == std::string_view::npos ? rest.size() : found + 1;
    } while (end < rest.size() && rest[end] != '.');
    stuffed_ = false;
    line_start_ = rest[end - 1] == '\n';
    offset_ += end;
    return rest.substr(0, end);
}

bool has_bare_line_end(std::span<const ringmx_bytes> spans) {
    bool after_cr = false;  // the octet before this span
    for (const ringmx_bytes& span : spans) {
        const char* at = span.data;
        const char* const end = span.data + span.size;
        if (at == end) continue;
        if (after_cr && *at != '\n') return true;
        if (!after_cr && *at == '\n') return true;
        // Each LF behind the first octet has a CR before it, and there are no more CRs than those.
        std::size_t pairs = 0;
        for (const char* lf = at + 1; lf < end; ++lf) {
            lf = static_cast<const char*>(std::memchr(lf, '\n', static_cast<std::size_t>(end - lf)));
            if (lf == nullptr) break;
            if (lf[-1] != '\r') return true;
            ++pairs;
        }
        after_cr = end[-1] == '\r';
        const auto crs = static_cast<std::size_t>(std::count(at, end, '\r'));
        if (crs != pairs + (after_cr ? 1 : 0)) return true;
    }
    return after_cr;
}

bool has_8bit_header(std::span<const ringmx_bytes> spans) {
    std::size_t line_octets = 0;  // of the current line, CR left out
    for (const ringmx_bytes& span : spans) {
        for (const char c : std::string_view(span.data, span.size)) {
            if (c == '\n') {
                if (line_octets == 0) return false;
                line_octets = 0;
            } else if (c != '\r') {
                ++line_octets;
                if (static_cast<unsigned char>(c) > 127) return true;
            }
        }
    }
    return false;
}

}  // namespace ringmx::lmtp
