// [limits]: how much a client or a network may have and do.
#include "base/limits.hpp"

#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "limits.exempt",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.limits.exempt; },
     .since = "0.2.0",
     .description = "Client networks to which nothing of `[limits]`, `[edge]` and `[stress]` applies: one's "
                    "own, and load generators."},
    {.name = "limits.client_connections",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.client_connections; },
     .most = limits::admission_open_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description =
         "Connections of one client at a time, exact over all cores; more are told 421 and closed. A client "
         "is an IPv4 address or an IPv6 /64 (`client_prefix_ipv4`, `client_prefix_ipv6`)."},
    {.name = "limits.client_connection_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.client_connection_rate; },
     .most = limits::admission_rate_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "New connections of one client a minute, exact over all cores; more are told 421 and "
                    "closed. After a quiet minute a minute's worth may come at once; so with every rate."},
    {.name = "limits.network_connections",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.network_connections; },
     .most = limits::admission_open_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "The same as `client_connections` for a network: an IPv4 /24 or an IPv6 /64 "
                    "(`network_prefix_ipv4`, `network_prefix_ipv6`)."},
    {.name = "limits.network_connection_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.network_connection_rate; },
     .most = limits::admission_rate_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "The same as `client_connection_rate` for a network."},
    {.name = "limits.message_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.message_rate; },
     .most = limits::admission_rate_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "Transactions (MAIL) of one client a minute; more get 450 4.7.1. Each core has the share "
                    "of a rate that it has of the client's connections (docs/admission.md)."},
    {.name = "limits.recipient_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.recipient_rate; },
     .most = limits::admission_rate_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "Recipients (RCPT) of one client a minute; more get 450 4.7.1."},
    {.name = "limits.unknown_recipient_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.unknown_recipient_rate; },
     .most = limits::admission_rate_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "Recipients that do not exist (answered 550 5.1.1) of one client a minute; then all of "
                    "its recipients get 450 4.7.1, without being looked up."},
    {.name = "limits.error_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.error_rate; },
     .most = limits::admission_rate_max,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "Protocol errors (5xx) of one client a minute; then 421 4.7.0 and the close, and 421 to "
                    "its new connections."},
    {.name = "limits.data_rate",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.data_rate; },
     .most = 1u << 30,
     .word = "unlimited",
     .since = "0.2.0",
     .description = "The least octets of mail data a second, measured over `data_rate_window` while the "
                    "server was ready for them; a client below it gets 421 4.4.2 and the close. "
                    "`\"unlimited\"`: any rate will do."},
    {.name = "limits.data_rate_window",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.limits.data_rate_window_s; },
     .least = 1,
     .most = 3600,
     .since = "0.2.0",
     .description =
         "Over how long `data_rate` is measured. A message that is shorter than that is not measured."},
    {.name = "limits.client_prefix_ipv4",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.client_prefix_ipv4; },
     .least = 8,
     .most = 32,
     .since = "0.2.0",
     .description = "How many bits of an IPv4 address are a client."},
    {.name = "limits.client_prefix_ipv6",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.client_prefix_ipv6; },
     .least = 16,
     .most = 128,
     .since = "0.2.0",
     .description = "How many bits of an IPv6 address are a client. One host has a whole /64."},
    {.name = "limits.network_prefix_ipv4",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.network_prefix_ipv4; },
     .least = 8,
     .most = 32,
     .since = "0.2.0",
     .description = "How many bits of an IPv4 address are a network."},
    {.name = "limits.network_prefix_ipv6",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.network_prefix_ipv6; },
     .least = 16,
     .most = 128,
     .since = "0.2.0",
     .description = "How many bits of an IPv6 address are a network; 48 or 56 is a site."},
    {.name = "limits.reserve",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.limits.reserve; },
     .most = kConnectionsMax,
     .word = "none",
     .since = "0.2.0",
     .description = "So many of `server.connections_max` are kept for `limits.known`: with fewer left, other "
                    "clients are told 421 and closed."},
    {.name = "limits.known",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.limits.known; },
     .since = "0.2.0",
     .description = "Client networks for which `limits.reserve` is kept."},
};

}  // namespace

std::span<const Key> limits_keys() {
    return kKeys;
}

}  // namespace ringmx::config
