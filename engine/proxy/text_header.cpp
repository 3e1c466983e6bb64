// Version 1: one line in US-ASCII, "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25" CR LF (proxy-protocol.txt,
// 2.1). Exactly one blank between the words, addresses and ports in their canonical form.
#include <charconv>
#include <optional>

#include "proxy/wire.hpp"

namespace ringmx::proxy {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kPortDigitsMax = 5;

// Up to the next blank, which is taken, too; nothing if there is none or no word before it.
std::optional<std::string_view> take_word(std::string_view& rest) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos || blank == 0) return std::nullopt;
    const std::string_view word = rest.substr(0, blank);
    rest.remove_prefix(blank + 1);
    return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.empty() || text.size() > kPortDigitsMax || (text.size() > 1 && text[0] == '0'))
        return std::nullopt;
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

bool parse_addresses(std::string_view rest, bool ipv6, Header& header) {
    const auto parse = ipv6 ? PeerAddress::parse_ipv6 : PeerAddress::parse_ipv4;
    const auto source = take_word(rest);
    const auto destination = source ? take_word(rest) : std::nullopt;
    const auto source_port = destination ? take_word(rest) : std::nullopt;
    if (!source_port) return false;
    const auto client = parse(*source);
    const auto server = parse(*destination);
    const auto client_port = parse_port(*source_port);
    const auto server_port = parse_port(rest);
    if (!client || !server || !client_port || !server_port) return false;
    header.client = *client;
    header.client.port = *client_port;
    header.destination = *server;
    header.destination.port = *server_port;
    return true;
}

}  // namespace

Failure parse_text_header(std::string_view line, Header& header) {
    header.version = 1;
    if (!line.ends_with(kLineEnd)) return Failure::malformed;
    std::string_view rest = line.substr(0, line.size() - kLineEnd.size());
    if (rest.find('\r') != std::string_view::npos) return Failure::malformed;
    rest.remove_prefix(kTextSignature.size());
    constexpr std::string_view unknown = "UNKNOWN";
    // What stands behind it is to be ignored.
    if (rest == unknown || (rest.starts_with(unknown) && rest[unknown.size()] == ' ')) return Failure::none;
    constexpr std::string_view tcp4 = "TCP4 ";
    constexpr std::string_view tcp6 = "TCP6 ";
    const bool ipv6 = rest.starts_with(tcp6);
    if (!ipv6 && !rest.starts_with(tcp4)) return Failure::malformed;
    rest.remove_prefix(tcp4.size());
    return parse_addresses(rest, ipv6, header) ? Failure::none : Failure::malformed;
}

}  // namespace ringmx::proxy
