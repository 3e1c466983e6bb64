// [server]: who the server is, where it listens and what it may use.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "server.hostname",
     .type = KeyType::hostname,
     .field = [](Config& c) -> Field { return &c.server.hostname; },
     .word = "the machine's name",
     .since = "0.1.0",
     .description =
         "This server's name: in the banner, in the replies to EHLO and QUIT and in trace headers. It "
         "should be the name in the MX record."},
    {.name = "server.listen",
     .type = KeyType::endpoints,
     .field = [](Config& c) -> Field { return &c.server.listen; },
     .least = 1,
     .since = "0.1.0",
     .description = "Addresses to listen on. An IPv6 address stands in brackets and does not include IPv4."},
    {.name = "server.listen_tls",
     .type = KeyType::endpoints,
     .field = [](Config& c) -> Field { return &c.server.listen_tls; },
     .since = "0.2.0",
     .description = "Addresses on which TLS begins with the first octet, without STARTTLS; they need "
                    "`tls.certificates`."},
    {.name = "server.cores",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.server.cores; },
     .most = kCoresMax,
     .word = "all",
     .since = "0.1.0",
     .description =
         "How many cores serve connections, each with a thread and a ring of its own; `\"all\"`: every CPU "
         "that the process may run on."},
    {.name = "server.pin",
     .type = KeyType::boolean,
     .field = [](Config& c) -> Field { return &c.server.pin; },
     .since = "0.1.0",
     .description = "Whether each core's thread is bound to one CPU."},
    {.name = "server.memory",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.server.memory_bytes; },
     .least = kMemoryProcessBytesMin + kMemoryPerCoreBytesMin,
     .most = 16 * TiB,
     .since = "0.1.0",
     .description = "The memory budget of the whole server: receive buffers, messages in flight, queues and "
                    "connections. At least 20MiB, and 28MiB more for each core."},
    {.name = "server.connections_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.server.connections_max; },
     .most = kConnectionsMax,
     .word = "auto",
     .since = "0.1.0",
     .description =
         "The most connections open at once, shared out evenly over the cores, to which the kernel spreads "
         "clients without regard to it; `\"auto\"`: what the limit on open files, for each core, and "
         "the memory budget allow."},
    {.name = "server.shutdown_grace",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.server.shutdown_grace_s; },
     .most = kDayS,
     .since = "0.1.0",
     .description = "How long a shutdown waits for transactions in their data phase."},
};

}  // namespace

std::span<const Key> server_keys() {
    return kKeys;
}

}  // namespace ringmx::config
