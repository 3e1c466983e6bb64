#include "lmtp/reply_parser.hpp"

#include <utility>

#include "common/settings.hpp"

namespace ringmx::lmtp {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

std::string Reply::text() const {
    std::string all = std::to_string(code);
    for (const std::string& line : lines)
        all.append(" ").append(line);
    return backends::printable(all);
}

std::optional<Reply> ReplyParser::next() {
    std::size_t at = 0;
    bool whole = false;
    while (!broken_ && !whole) {
        const std::size_t end = buffer_.find('\n', at);
        if (end == std::string::npos) {
            broken_ = buffer_.size() - at > line_octets_max;
            break;
        }
        std::size_t octets = end - at;
        if (octets > 0 && buffer_[end - 1] == '\r') --octets;
        whole = take_line({buffer_.data() + at, octets});
        at = end + 1;
    }
    buffer_.erase(0, at);
    if (!whole || broken_) return std::nullopt;
    reply_octets_ = 0;
    return std::exchange(reply_, {});
}

bool ReplyParser::take_line(std::string_view line) {
    reply_octets_ += line.size();
    const bool valid = line.size() >= 3 && line.size() <= line_octets_max && line[0] >= '2' &&
                       line[0] <= '5' && is_digit(line[1]) && is_digit(line[2]) &&
                       (line.size() == 3 || line[3] == ' ' || line[3] == '-') &&
                       reply_octets_ <= reply_octets_max;
    const int code = valid ? (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0') : 0;
    if (!valid || (!reply_.lines.empty() && code != reply_.code)) {
        broken_ = true;
        return false;
    }
    reply_.code = code;
    reply_.lines.emplace_back(line.substr(line.size() == 3 ? 3 : 4));
    return line.size() == 3 || line[3] == ' ';
}

}  // namespace ringmx::lmtp
