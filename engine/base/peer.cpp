#include "base/peer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/assert.hpp"

namespace ringmx {

namespace {

constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;

void store_ipv6(PeerAddress& address, const std::uint8_t* raw) {
    if (std::memcmp(raw, kMappedPrefix, sizeof kMappedPrefix) == 0) {
        address.family = PeerAddress::Family::ipv4;
        std::memcpy(address.bytes.data(), raw + 12, 4);
        return;
    }
    address.family = PeerAddress::Family::ipv6;
    std::memcpy(address.bytes.data(), raw, 16);
}

// By hand: it is in every trace header and log line, and inet_ntop goes through sprintf.
std::string_view format_ipv4(std::array<char, 48>& buffer, const std::uint8_t* raw) {
    char* at = buffer.data();
    char* const end = at + buffer.size();
    for (int i = 0; i < 4; ++i) {
        if (i > 0) *at++ = '.';
        at = std::to_chars(at, end, raw[i]).ptr;
    }
    return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

}  // namespace

PeerAddress PeerAddress::from_sockaddr(const sockaddr& address) {
    PeerAddress peer;
    if (address.sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &address, sizeof in);
        peer.family = Family::ipv4;
        peer.port = ntohs(in.sin_port);
        std::memcpy(peer.bytes.data(), &in.sin_addr, 4);
    } else if (address.sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &address, sizeof in);
        peer.port = ntohs(in.sin6_port);
        store_ipv6(peer, in.sin6_addr.s6_addr);
    }
    return peer;
}

PeerAddress PeerAddress::from_octets(Bytes octets, std::uint16_t port) {
    RMX_ASSERT(octets.size() == 4 || octets.size() == 16);
    PeerAddress peer;
    peer.port = port;
    if (octets.size() == 16) {
        store_ipv6(peer, reinterpret_cast<const std::uint8_t*>(octets.data()));
    } else {
        peer.family = Family::ipv4;
        std::memcpy(peer.bytes.data(), octets.data(), octets.size());
    }
    return peer;
}

std::optional<PeerAddress> PeerAddress::parse_ipv4(std::string_view text) {
    if (text.find_first_of(":/") != std::string_view::npos) return std::nullopt;
    const std::optional<Network> address = Network::parse(text);
    return address ? std::optional(address->base) : std::nullopt;
}

std::optional<PeerAddress> PeerAddress::parse_ipv6(std::string_view text) {
    if (text.find(':') == std::string_view::npos || text.find('/') != std::string_view::npos)
        return std::nullopt;
    const std::optional<Network> address = Network::parse(text);
    return address ? std::optional(address->base) : std::nullopt;
}

std::string_view PeerAddress::format(std::array<char, 48>& buffer) const {
    switch (family) {
        case Family::none:
            return "unknown";
        case Family::ipv4:
            return format_ipv4(buffer, bytes.data());
        case Family::ipv6:
            break;
    }
    inet_ntop(AF_INET6, bytes.data(), buffer.data(), static_cast<socklen_t>(buffer.size()));
    return {buffer.data(), std::strlen(buffer.data())};
}

std::string_view PeerAddress::format_literal(std::array<char, 48>& buffer) const {
    if (family != Family::ipv6) return format(buffer);
    std::memcpy(buffer.data(), "IPv6:", 5);
    inet_ntop(AF_INET6, bytes.data(), buffer.data() + 5, static_cast<socklen_t>(buffer.size() - 5));
    return {buffer.data(), std::strlen(buffer.data())};
}

std::optional<PeerAddress> PeerAddress::parse_literal(std::string_view literal) {
    constexpr std::string_view kTag = "ipv6:";
    const auto same = [](char tag, char given) {
        return tag == (given >= 'A' && given <= 'Z' ? static_cast<char>(given - 'A' + 'a') : given);
    };
    if (literal.size() < 2 || literal.front() != '[' || literal.back() != ']') return std::nullopt;
    std::string_view inner = literal.substr(1, literal.size() - 2);
    const bool tagged =
        inner.size() > kTag.size() && std::equal(kTag.begin(), kTag.end(), inner.begin(), same);
    if (tagged) inner.remove_prefix(kTag.size());
    if (tagged != (inner.find(':') != std::string_view::npos)) return std::nullopt;
    if (inner.find('/') != std::string_view::npos) return std::nullopt;
    const std::optional<Network> address = Network::parse(inner);
    return address ? std::optional(address->base) : std::nullopt;
}

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view host = text.substr(0, slash);
    char copy[64];
    if (host.empty() || host.size() >= sizeof copy || host.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::memcpy(copy, host.data(), host.size());
    copy[host.size()] = '\0';

    Network network;
    unsigned bits_max = 128;
    std::uint8_t raw[16];
    if (inet_pton(AF_INET, copy, raw) == 1) {
        network.base.family = PeerAddress::Family::ipv4;
        std::memcpy(network.base.bytes.data(), raw, 4);
        bits_max = 32;
    } else if (inet_pton(AF_INET6, copy, raw) == 1) {
        store_ipv6(network.base, raw);
    } else {
        return std::nullopt;
    }
    unsigned bits = bits_max;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (error != std::errc{} || end != digits.data() + digits.size() || bits > bits_max)
            return std::nullopt;
    }
    if (bits_max == 128 && network.base.family == PeerAddress::Family::ipv4) {
        // Peers with a mapped address are IPv4 (store_ipv6), and so is a network of them. A wider one would
        // hold addresses of both families.
        if (bits < kMappedBits) return std::nullopt;
        bits -= kMappedBits;
    }
    network.prefix_bits = static_cast<std::uint8_t>(bits);
    return network;
}

bool Network::contains(const PeerAddress& address) const {
    if (address.family != base.family || base.family == PeerAddress::Family::none) return false;
    const std::size_t whole = prefix_bits / 8;
    if (std::memcmp(address.bytes.data(), base.bytes.data(), whole) != 0) return false;
    const unsigned rest = prefix_bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return ((address.bytes[whole] ^ base.bytes[whole]) & mask) == 0;
}

}  // namespace ringmx
