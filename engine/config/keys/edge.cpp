// [edge]: clients that do not wait, or speak something else.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kEdgeActions[] = {"off", "log", "reject"};

constexpr Key kKeys[] = {
    {.name = "edge.banner_delay",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.edge.banner_delay_s; },
     .most = 60,
     .since = "0.2.0",
     .description = "How long a client waits for the banner; what it sends meanwhile shows that it does not "
                    "wait for replies. `\"0s\"`: no delay. The clock ticks four times a second."},
    {.name = "edge.early_talker",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.edge.early_talker); },
     .choices = kEdgeActions,
     .since = "0.2.0",
     .description = "What becomes of a client that sends before the banner: nothing, a log line, or also 554 "
                    "and the close. Only with a `banner_delay` can it be seen."},
    {.name = "edge.pipelining",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.edge.pipelining); },
     .choices = kEdgeActions,
     .since = "0.2.0",
     .description = "What becomes of a client that sends behind a command whose reply it has to wait for "
                    "(RFC 2920): nothing, a log line, or also 554 5.5.0 and the close (docs/admission.md)."},
    {.name = "edge.other_protocols",
     .type = KeyType::boolean,
     .field = [](Config& c) -> Field { return &c.edge.other_protocols; },
     .since = "0.2.0",
     .description = "Whether a client that begins with HTTP, SSH or a TLS handshake on a port without TLS is "
                    "dropped at once and without a reply."},
};

}  // namespace

std::span<const Key> edge_keys() {
    return kKeys;
}

}  // namespace ringmx::config
