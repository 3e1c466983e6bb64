#include "ack_line.hpp"

#include <algorithm>
#include <charconv>

namespace ringmx::tools {

void append_ack_line(std::string& out, std::string_view id, const Sha256::Digest& digest,
                     std::uint64_t octets) {
    out += id;
    out += ' ';
    out += to_hex(digest);
    out += ' ';
    out += std::to_string(octets);
    out += '\n';
}

std::optional<AckLine> parse_ack_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    if (first == 0 || first == std::string_view::npos) return std::nullopt;
    const std::size_t second = line.find(' ', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    AckLine ack{line.substr(0, first), line.substr(first + 1, second - first - 1), 0};
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (ack.sha256.size() != 64 || !std::all_of(ack.sha256.begin(), ack.sha256.end(), is_hex))
        return std::nullopt;
    const char* const end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data() + second + 1, end, ack.octets);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return ack;
}

std::string_view id_of_reply(std::string_view text) {
    constexpr std::string_view kBefore = "stored as ";
    const std::size_t at = text.find(kBefore);
    if (at == std::string_view::npos) return "-";
    const std::string_view id = text.substr(at + kBefore.size());
    const std::size_t end = id.find_first_of(" \t;,)");
    const std::string_view word = id.substr(0, end);
    return word.empty() ? "-" : word;
}

}  // namespace ringmx::tools
