// [timeouts]: how long clients, policy and storage may take.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "timeouts.command",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.timeouts.command_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.1.0",
     .description = "How long the server waits for the next command (RFC 5321 §4.5.3.2.7: at least 5m)."},
    {.name = "timeouts.data_block",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.timeouts.data_block_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.1.0",
     .description =
         "How long it waits for more mail data (RFC 5321 §4.5.3.2.5 gives clients 3m for a block)."},
    {.name = "timeouts.end_of_data",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.timeouts.end_of_data_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.1.0",
     .description =
         "How long policy and storage may take for a complete message before the client is told 451. Clients "
         "wait 10m (RFC 5321 §4.5.3.2.6): keep it below."},
    {.name = "timeouts.send",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.timeouts.send_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.1.0",
     .description = "How long a client may leave replies unread before its connection is closed."},

    {.name = "timeouts.proxy_header",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.timeouts.proxy_header_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "How long a PROXY header may take before its connection is closed."},
    {.name = "timeouts.tls_handshake",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.timeouts.tls_handshake_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "How long a TLS handshake may take before its connection is closed."},
};

}  // namespace

std::span<const Key> timeouts_keys() {
    return kKeys;
}

}  // namespace ringmx::config
