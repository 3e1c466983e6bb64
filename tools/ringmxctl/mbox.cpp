#include "mbox.hpp"

namespace ringmx::ctl {

namespace {
constexpr std::string_view kFrom = "From ";
}  // namespace

bool MboxWriter::begin(std::string_view from_line) {
    carriage_return_ = false;
    line_start_ = true;
    angles_ = 0;
    letters_ = 0;
    last_ = '\n';
    return out_.write(from_line);
}

bool MboxWriter::add(Bytes piece) {
    const std::string_view text = as_text(piece);
    if (text.empty()) return out_.ok();
    if (style_ == Style::raw) {
        last_ = text.back();
        return out_.write(text);
    }
    for (const char c : text) {
        // CR LF becomes LF; a CR alone is kept.
        if (carriage_return_ && c != '\n' && !put('\r')) return false;
        carriage_return_ = c == '\r';
        if (!carriage_return_ && !put(c)) return false;
    }
    return out_.ok();
}

bool MboxWriter::end() {
    if (carriage_return_) put('\r');
    release();
    if (last_ != '\n') out_.write("\n");
    if (style_ == Style::rd) out_.write("\n");
    return out_.ok();
}

bool MboxWriter::put(char c) {
    last_ = c;
    if (!line_start_) {
        line_start_ = c == '\n';
        return out_.write({&c, 1});
    }
    if (c == '>' && letters_ == 0) {
        ++angles_;
        return true;
    }
    if (c == kFrom[letters_]) {
        ++letters_;
        if (letters_ < kFrom.size()) return true;
        ++angles_;  // the quote
        line_start_ = false;
        return release();
    }
    line_start_ = c == '\n';
    return release() && out_.write({&c, 1});
}

bool MboxWriter::release() {
    for (; angles_ > 0; --angles_) {
        if (!out_.write(">")) return false;
    }
    const std::size_t letters = letters_;
    letters_ = 0;
    return out_.write(kFrom.substr(0, letters));
}

}  // namespace ringmx::ctl
