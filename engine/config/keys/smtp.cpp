// [smtp]: the protocol's limits.
#include "base/limits.hpp"
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kBareNewlineModes[] = {"normalize", "reject", "accept"};

constexpr Key kKeys[] = {
    {.name = "smtp.message_size",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.smtp.message_bytes_max; },
     .least = 64 * KiB,
     .most = 64 * GiB,
     .since = "0.1.0",
     .description =
         "The largest message, as announced by SIZE (RFC 1870); larger ones are refused with 552 5.3.4."},
    {.name = "smtp.recipients_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.smtp.recipients_max; },
     .least = limits::recipients_per_message_min,
     .most = 100000,
     .since = "0.1.0",
     .description =
         "Recipients of one transaction, announced as RCPTMAX (RFC 9422); more get 452 4.5.3. RFC 5321 "
         "§4.5.3.1.8 requires at least 100."},
    {.name = "smtp.messages_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.smtp.messages_max; },
     .most = kCountMax,
     .word = "unlimited",
     .since = "0.1.0",
     .description = "Transactions of one session, announced as MAILMAX (RFC 9422)."},
    {.name = "smtp.commands_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.smtp.commands_max; },
     .most = kCountMax,
     .word = "unlimited",
     .since = "0.1.0",
     .description = "Commands of one session; then 421 4.7.0 and the connection is closed."},
    {.name = "smtp.errors_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.smtp.errors_max; },
     .least = 1,
     .most = kCountMax,
     .since = "0.1.0",
     .description = "Protocol errors of one session; then 421 4.7.0 and the connection is closed."},
    {.name = "smtp.recipients_refused_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.smtp.recipients_refused_max; },
     .least = 1,
     .most = kCountMax,
     .since = "0.1.0",
     .description = "Refused recipients of one session; then 421 4.7.0 and the connection is closed."},
    {.name = "smtp.received_headers_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.smtp.received_headers_max; },
     .least = limits::received_headers_max,
     .most = 10000,
     .since = "0.1.0",
     .description =
         "A message with more Received headers is taken for a loop: 554 5.4.6. RFC 5321 §6.3 asks for at "
         "least 100."},
    {.name = "smtp.command_line",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.smtp.command_line_octets_max; },
     .least = limits::command_line_octets_configured_min,
     .most = limits::command_line_octets_max,
     .since = "0.1.0",
     .description =
         "The longest command line, CR LF included; longer ones get 500 5.5.2. RFC 3461 §5.4 asks for 1036 "
         "octets at least, other extensions for more."},
    {.name = "smtp.bare_newline",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.smtp.bare_newline); },
     .choices = kBareNewlineModes,
     .since = "0.1.0",
     .description =
         "What becomes of a CR or LF that stands alone in mail data: stored as CR LF, refused, or stored as "
         "it is. It never ends the data, whatever stands here."},
    {.name = "smtp.bare_newline_exceptions",
     .type = KeyType::exceptions,
     .field = [](Config& c) -> Field { return &c.smtp.bare_newline_exceptions; },
     .since = "0.1.0",
     .description =
         "Client networks with another `bare_newline`; the first that contains the client decides."},
};

}  // namespace

std::span<const Key> smtp_keys() {
    return kKeys;
}

std::span<const std::string_view> bare_newline_modes() {
    return kBareNewlineModes;
}

}  // namespace ringmx::config
