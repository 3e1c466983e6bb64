// Whom a limit is about: the client, or the network that it is in, as a 64-bit key. Prefix lengths say how
// much of an address is a client and how much a network. The hash is keyed with a secret of the process
// (SipHash-1-3), so that nobody can choose addresses that meet in one place of a table.
#pragma once

#include <array>
#include <cstdint>

#include "base/peer.hpp"

namespace ringmx::admission {

struct Prefixes {  // bits
    std::uint8_t client_ipv4 = 32;
    std::uint8_t client_ipv6 = 64;
    std::uint8_t network_ipv4 = 24;
    std::uint8_t network_ipv6 = 64;
};

struct Secret {
    std::array<std::uint64_t, 2> words{};
    static Secret random();  // of the system
};

enum class Kind : std::uint8_t { client, network };

// The part of `address` that is the client's, or the network's: the rest of its bits and the port are 0.
Network scope_of(const PeerAddress& address, Kind kind, const Prefixes& prefixes);
// Never 0. The same for all addresses of one scope; a client's and a network's differ.
std::uint64_t key_of(const Network& scope, Kind kind, const Secret& secret);

}  // namespace ringmx::admission
