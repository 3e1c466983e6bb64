#include "options.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <netdb.h>
#include <netinet/in.h>

namespace ringmx::load {
namespace {

Error bad(std::string_view text, const char* expected) {
    return Error{EINVAL, "'" + std::string(text) + "' is not " + expected};
}

constexpr double kValueMax = 1e15;  // of anything that is given on the command line

// The number at the front of `text`, which loses it.
std::optional<double> take_number(std::string_view& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || !(value >= 0 && value <= kValueMax)) return std::nullopt;  // nor nan
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

struct Unit {
    std::string_view name;
    double factor;
};

template <std::size_t N>
std::optional<double> with_unit(std::string_view text, const std::array<Unit, N>& units) {
    const std::optional<double> number = take_number(text);
    if (!number) return std::nullopt;
    for (const Unit& unit : units) {
        if (text == unit.name) return *number * unit.factor;
    }
    return std::nullopt;
}

bool is_loopback(const sockaddr_storage& address) {
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0 ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0 && v6.sin6_addr.s6_addr[12] == 127);
}

// Cuts "HOST:PORT" or "[HOST]:PORT" apart. False: the port is missing its number.
bool split(const std::string& text, std::string& host, std::string& port) {
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string::npos) return false;
        host = text.substr(1, close - 1);
        port = text.substr(close + 1);
        if (port.empty()) return true;
        if (!port.starts_with(':')) return false;
        port.erase(0, 1);
        return !port.empty();
    }
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    if (colon == std::string::npos) return !host.empty();
    if (text.find(':', colon + 1) != std::string::npos) {  // an IPv6 address without brackets has no port
        host = text;
        return true;
    }
    port = text.substr(colon + 1);
    return !host.empty() && !port.empty();
}

}  // namespace

std::string_view name_of(Kind kind) {
    constexpr std::array<std::string_view, kKinds> kNames = {"normal",  "one_shot",  "slow",
                                                             "stalled", "resetting", "half_closing"};
    return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Tls tls) {
    constexpr std::array<std::string_view, 3> kNames = {"off", "starttls", "implicit"};
    return kNames[static_cast<std::size_t>(tls)];
}

Result<Target> parse_target(const std::string& text) {
    Target target;
    target.text = text;
    std::string port;
    if (!split(text, target.host, port)) return bad(text, "HOST:PORT");
    if (port.empty()) port = "25";
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int result = getaddrinfo(target.host.c_str(), port.c_str(), &hints, &found);
    if (result != 0) return Error{EINVAL, text + ": " + gai_strerror(result)};
    // A name with both kinds of addresses: IPv4 first, because most test servers listen there only.
    const addrinfo* chosen = found;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        if (each->ai_family == AF_INET) {
            chosen = each;
            break;
        }
    }
    std::memcpy(&target.address, chosen->ai_addr, chosen->ai_addrlen);
    target.address_octets = chosen->ai_addrlen;
    freeaddrinfo(found);
    target.port = static_cast<std::uint16_t>(std::strtoul(port.c_str(), nullptr, 10));
    target.loopback = is_loopback(target.address);
    return target;
}

Result<std::uint64_t> parse_size(std::string_view text) {
    static constexpr std::array<Unit, 8> kUnits = {{{"", 1},
                                                    {"B", 1},
                                                    {"KiB", 1024},
                                                    {"MiB", 1048576},
                                                    {"GiB", 1073741824},
                                                    {"kB", 1e3},
                                                    {"KB", 1e3},
                                                    {"MB", 1e6}}};
    const std::optional<double> octets = with_unit(text, kUnits);
    if (!octets) return bad(text, "a size such as 1024, 10KiB or 2MiB");
    return static_cast<std::uint64_t>(*octets);
}

Result<double> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 5> kUnits = {{{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}}};
    const std::optional<double> seconds = with_unit(text, kUnits);
    if (!seconds) return bad(text, "a duration such as 500ms, 30s or 5m");
    return *seconds;
}

Result<double> parse_share(std::string_view text) {
    static constexpr std::array<Unit, 2> kUnits = {{{"", 1}, {"%", 0.01}}};
    const std::optional<double> share = with_unit(text, kUnits);
    if (!share || *share > 1) return bad(text, "a share such as 5% or 0.05");
    return *share;
}

}  // namespace ringmx::load
