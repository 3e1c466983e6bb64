// [accept]: for whom mail is taken; [accept.socketmap] and [accept.http]: services that know it.
#include "base/limits.hpp"
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "accept.domains",
     .type = KeyType::domains,
     .field = [](Config& c) -> Field { return &c.accept.domains; },
     .since = "0.1.0",
     .description =
         "The domains for which mail is accepted; every other recipient is refused with 550 5.7.1. `\"*\"` "
         "accepts every domain: for sinks and measurements, never on the Internet."},
    {.name = "accept.recipients",
     .type = KeyType::recipients,
     .field = [](Config& c) -> Field { return &c.accept.recipients; },
     .word = "every local part",
     .since = "0.1.0",
     .description =
         "What knows which addresses exist in these domains (docs/recipients.md): a text file, one a line; a "
         "table that `ringmxctl recipients build` makes; an LMDB database; a service. Any other address is "
         "refused with 550 5.1.1."},
    {.name = "accept.recipient_delimiter",
     .type = KeyType::characters,
     .field = [](Config& c) -> Field { return &c.accept.recipient_delimiter; },
     .most = 16,
     .since = "0.2.0",
     .description = "Each of these characters begins a sub-address: `user+tag` exists if `user` does. "
                    "`\"\"`: none does."},
    {.name = "accept.recipients_check_interval",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.recipients_check_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description =
         "How often the file of recipients is looked at; what has changed is loaded, as on SIGHUP."},

    {.name = "accept.socketmap.deadline",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.socketmap.deadline_s; },
     .least = 1,
     .most = 600,
     .since = "0.2.0",
     .description = "How long a `socketmap:` service may take for a recipient; then 451 4.4.3."},
    {.name = "accept.socketmap.connections",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.accept.socketmap.connections; },
     .least = 1,
     .most = 256,
     .since = "0.2.0",
     .description = "The most connections to it, of the whole server, each with one question at a time."},
    {.name = "accept.socketmap.questions",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.accept.socketmap.questions; },
     .least = 1,
     .most = limits::service_questions_max,
     .since = "0.2.0",
     .description = "Recipients of a core that may wait for it; further ones get 451 4.4.3."},
    {.name = "accept.socketmap.cache",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.accept.socketmap.cache; },
     .most = 1u << 24,
     .word = "none",
     .since = "0.2.0",
     .description =
         "How many of its answers each core remembers, at 120 octets each, beside `server.memory`."},
    {.name = "accept.socketmap.found_ttl",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.socketmap.found_ttl_s; },
     .most = 30 * kDayS,
     .since = "0.2.0",
     .description = "How long it is remembered that an address exists; `\"0s\"`: not at all."},
    {.name = "accept.socketmap.missing_ttl",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.socketmap.missing_ttl_s; },
     .most = 30 * kDayS,
     .since = "0.2.0",
     .description = "How long it is remembered that one does not."},

    {.name = "accept.http.deadline",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.http.deadline_s; },
     .least = 1,
     .most = 600,
     .since = "0.2.0",
     .description = "How long a service at a URL may take for a recipient; then 451 4.4.3."},
    {.name = "accept.http.connections",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.accept.http.connections; },
     .least = 1,
     .most = 256,
     .since = "0.2.0",
     .description = "The most connections to it, of the whole server, each with one question at a time."},
    {.name = "accept.http.questions",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.accept.http.questions; },
     .least = 1,
     .most = limits::service_questions_max,
     .since = "0.2.0",
     .description = "Recipients of a core that may wait for it; further ones get 451 4.4.3."},
    {.name = "accept.http.cache",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.accept.http.cache; },
     .most = 1u << 24,
     .word = "none",
     .since = "0.2.0",
     .description =
         "How many of its answers each core remembers, at 120 octets each, beside `server.memory`."},
    {.name = "accept.http.found_ttl",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.http.found_ttl_s; },
     .most = 30 * kDayS,
     .since = "0.2.0",
     .description = "How long it is remembered that an address exists; `\"0s\"`: not at all."},
    {.name = "accept.http.missing_ttl",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.accept.http.missing_ttl_s; },
     .most = 30 * kDayS,
     .since = "0.2.0",
     .description = "How long it is remembered that one does not."},
    {.name = "accept.http.ca_file",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.accept.http.ca_file; },
     .word = "the system's authorities",
     .since = "0.2.0",
     .description = "A PEM file of the authorities by which the certificate of a service at `https:` is "
                    "verified, in place of the system's."},
    {.name = "accept.http.bearer_token_file",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.accept.http.bearer_token_file; },
     .word = "none",
     .since = "0.2.0",
     .description = "A file whose first line is sent as `Authorization: Bearer`. It is read at the start."},
    {.name = "accept.http.headers",
     .type = KeyType::headers,
     .field = [](Config& c) -> Field { return &c.accept.http.headers; },
     .since = "0.2.0",
     .description = "Header fields of each request."},
};

}  // namespace

std::span<const Key> accept_keys() {
    return kKeys;
}

}  // namespace ringmx::config
