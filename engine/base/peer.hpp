// A client's network address: what policy, logs and trace headers know of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

struct sockaddr;

namespace ringmx {

// IPv4 or IPv6 address with port. IPv4-mapped IPv6 addresses are stored as IPv4.
struct PeerAddress {
    enum class Family : std::uint8_t { none, ipv4, ipv6 };
    Family family = Family::none;
    std::uint16_t port = 0;                // host order
    std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four

    static PeerAddress from_sockaddr(const sockaddr& address);
    // An address as it stands in binary protocols: 4 octets or 16, network order.
    static PeerAddress from_octets(Bytes octets, std::uint16_t port);
    // An address in text without brackets, of the family asked for; nothing else in it (port 0).
    static std::optional<PeerAddress> parse_ipv4(std::string_view text);
    static std::optional<PeerAddress> parse_ipv6(std::string_view text);
    // Writes the address without port ("192.0.2.1", "2001:db8::1"); returns a view into `buffer`.
    std::string_view format(std::array<char, 48>& buffer) const;
    // Address literal of RFC 5321 §4.1.3 without brackets ("192.0.2.1", "IPv6:2001:db8::1").
    std::string_view format_literal(std::array<char, 48>& buffer) const;
    // The address of a literal with its brackets, "[192.0.2.1]" or "[IPv6:2001:db8::1]"; nothing if it is
    // neither.
    static std::optional<PeerAddress> parse_literal(std::string_view literal);
    bool operator==(const PeerAddress&) const = default;
};

// A network in CIDR notation, "192.0.2.0/24", "2001:db8::/32", or one address.
struct Network {
    PeerAddress base;
    std::uint8_t prefix_bits = 0;

    static std::optional<Network> parse(std::string_view text);
    bool contains(const PeerAddress& address) const;
};

}  // namespace ringmx
