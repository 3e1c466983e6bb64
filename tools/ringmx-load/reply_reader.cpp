#include "reply_reader.hpp"

#include <algorithm>
#include <cstring>

namespace ringmx::load {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// A line with its LF. False: another line of the same reply follows.
bool read_line(std::string_view line, Reply& reply) {
    line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    reply = Reply{};
    const bool shaped = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) &&
                        is_digit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!shaped) {
        reply.text = line;
        return true;
    }
    if (line.size() > 3 && line[3] == '-') return false;
    reply.code = static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
    reply.text = line.substr(std::min<std::size_t>(line.size(), 4));
    return true;
}

}  // namespace

bool ReplyReader::next(std::string_view& octets, Reply& reply) {
    while (!octets.empty()) {
        const std::size_t end = octets.find('\n');
        const std::size_t taken = end == std::string_view::npos ? octets.size() : end + 1;
        const std::string_view piece = octets.substr(0, taken);
        octets.remove_prefix(taken);
        if (kept_ == 0 && end != std::string_view::npos) {
            if (read_line(piece, reply)) return true;
            continue;
        }
        // One octet is left for the LF, which ends the kept line whatever was dropped before it.
        const std::size_t room = kKeptMax - 1 - kept_;
        const std::size_t kept = std::min(room, end == std::string_view::npos ? taken : taken - 1);
        std::memcpy(line_.data() + kept_, piece.data(), kept);
        kept_ = static_cast<std::uint8_t>(kept_ + kept);
        if (end == std::string_view::npos) return false;
        line_[kept_] = '\n';
        const std::string_view line(line_.data(), kept_ + std::size_t{1});
        kept_ = 0;
        if (read_line(line, reply)) return true;
    }
    return false;
}

}  // namespace ringmx::load
