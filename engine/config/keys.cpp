#include "config/keys.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kBareNewlineModes[] = {"normalize", "reject", "accept"};
constexpr std::string_view kBackends[] = {"spool", "maildir", "discard",   "plugin",
                                          "lmtp",  "http",    "jetstream", "kafka"};
constexpr std::string_view kDelivers[] = {"none", "plugin", "lmtp", "http", "jetstream", "kafka"};
constexpr std::string_view kFallbacks[] = {"none", "spool"};
constexpr std::string_view kHosts[] = {"auto", "core", "worker"};
constexpr std::string_view kDurabilities[] = {"none", "process", "machine", "replicated"};
constexpr std::string_view kTlsProfiles[] = {"intermediate", "modern"};
constexpr std::string_view kTlsVersions[] = {"1.2", "1.3"};
constexpr std::string_view kClientCertificates[] = {"none", "request"};
constexpr std::string_view kConfineModes[] = {"auto", "required", "off"};
constexpr std::string_view kEdgeActions[] = {"off", "log", "reject"};
constexpr std::string_view kLogTransactions[] = {"all", "errors", "none"};

constexpr std::uint64_t KiB = 1u << 10;
constexpr std::uint64_t GiB = 1u << 30;
constexpr std::uint64_t TiB = std::uint64_t{1} << 40;

constexpr std::uint64_t kCoresMax = 1024;
constexpr std::uint64_t kConnectionsMax = 1u << 24;
constexpr std::uint64_t kCountMax = 1u << 30;  // "as many as you like", without overflow anywhere
constexpr std::uint64_t kDayS = 86400;

// Views an enumeration of one octet as its number, so that one setter serves all of them.
template <typename Enum>
Field choice(Enum& value) {
    static_assert(sizeof(Enum) == 1);
    return ChoiceField{reinterpret_cast<std::uint8_t*>(&value)};
}

// The order of the sections and keys here is their order in the documentation.
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
         "clients without regard to it; `\"auto\"`: what the limit on open files and "
         "the memory budget allow."},
    {.name = "server.shutdown_grace",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.server.shutdown_grace_s; },
     .most = kDayS,
     .since = "0.1.0",
     .description = "How long a shutdown waits for transactions in their data phase."},

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
     .most = limits::socketmap_questions_max,
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

    {.name = "tls.certificates",
     .type = KeyType::certificates,
     .field = [](Config& c) -> Field { return &c.tls.certificates; },
     .since = "0.2.0",
     .description =
         "The server's certificates with their keys; with one at least, STARTTLS is announced (docs/tls.md). "
         "`names`: for which names a client is shown this one; absent: those it is issued for. Several of "
         "one "
         "name may differ in the type of their keys. The first is for clients that name none."},
    {.name = "tls.required",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.tls.required; },
     .since = "0.2.0",
     .description =
         "Client networks that get 530 5.7.0 until they have issued STARTTLS. RFC 3207 §4 forbids it "
         "for the public: never all of the Internet on a domain's MX."},
    {.name = "tls.profile",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.tls.profile); },
     .choices = kTlsProfiles,
     .since = "0.2.0",
     .description =
         "Which versions and cipher suites are taken: TLS 1.2 with forward secrecy and authenticated "
         "encryption and TLS 1.3, or TLS 1.3 alone."},
    {.name = "tls.min_version",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.tls.version_min); },
     .choices = kTlsVersions,
     .since = "0.2.0",
     .description = "The least version of TLS; the profile may ask for more."},
    {.name = "tls.tickets",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.tls.tickets; },
     .most = 8,
     .word = "none",
     .since = "0.2.0",
     .description =
         "How many session tickets a client of TLS 1.3 gets in a full handshake, with which it may "
         "come back for less; `\"none\"`: no resumption with any version. Some senders stumble over "
         "tickets."},
    {.name = "tls.ticket_lifetime",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.tls.ticket_lifetime_s; },
     .least = 60,
     .most = 7 * kDayS,
     .since = "0.2.0",
     .description =
         "How long a ticket is good for, and how often its key is changed; the key before still opens "
         "what it has sealed."},
    {.name = "tls.client_certificates",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.tls.client_certificates); },
     .choices = kClientCertificates,
     .since = "0.2.0",
     .description =
         "Whether clients are asked for a certificate. Any is taken, and so is none: it is a fact for "
         "policy."},
    {.name = "tls.requiretls",
     .type = KeyType::boolean,
     .field = [](Config& c) -> Field { return &c.tls.requiretls; },
     .since = "0.2.0",
     .description =
         "Whether REQUIRETLS (RFC 8689) is announced under TLS. Who takes mail from storage and sends "
         "it on has to honour it (docs/tls.md)."},
    {.name = "tls.check_interval",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.tls.check_interval_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description =
         "How often the certificates' files are looked at; what has changed is loaded, as on SIGHUP."},

    {.name = "proxy.networks",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.proxy.networks; },
     .since = "0.2.0",
     .description =
         "Networks of proxies: a connection from there must begin with a PROXY protocol header, version 1 or "
         "2, which names the client (docs/proxy.md). From anywhere else the header is not taken."},
    {.name = "proxy.listeners",
     .type = KeyType::endpoints,
     .field = [](Config& c) -> Field { return &c.proxy.listeners; },
     .word = "all of them",
     .since = "0.2.0",
     .description =
         "Which of `server.listen` and `server.listen_tls` are behind these proxies; on the others a peer "
         "from `proxy.networks` is a client like any other."},
    {.name = "proxy.xclient",
     .type = KeyType::networks,
     .field = [](Config& c) -> Field { return &c.proxy.xclient; },
     .since = "0.2.0",
     .description =
         "Networks of MTAs that may name their clients with XCLIENT; it is announced to them, and anybody "
         "else gets 550 5.7.0 for it."},

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

    {.name = "stress.begin",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.stress.begin_percent; },
     .most = 99,
     .word = "off",
     .since = "0.2.0",
     .description =
         "At so many percent of a core's connections or message memory it is under stress, until three "
         "quarters of that: what follows holds then, if it is less than what holds otherwise."},
    {.name = "stress.command",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.stress.command_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "`timeouts.command` under stress."},
    {.name = "stress.data_block",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.stress.data_block_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "`timeouts.data_block` under stress."},
    {.name = "stress.errors_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.stress.errors_max; },
     .least = 1,
     .most = kCountMax,
     .since = "0.2.0",
     .description = "`smtp.errors_max` under stress."},
    {.name = "stress.recipients_refused_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.stress.recipients_refused_max; },
     .least = 1,
     .most = kCountMax,
     .since = "0.2.0",
     .description = "`smtp.recipients_refused_max` under stress."},

    {.name = "storage.backend",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.backend); },
     .choices = kBackends,
     .since = "0.1.0",
     .description =
         "Where messages are kept: in the spool, in a Maildir, or nowhere at all (`discard`, for "
         "measurements); or who keeps them: a plugin, yours (`plugin`) or one that comes with ringmx."},
    {.name = "storage.durability",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.durability); },
     .word = "what the backend gives",
     .choices = kDurabilities,
     .since = "0.1.0",
     .description =
         "The least that a 250 must mean: nothing, or that the message survives the end of the process, a "
         "power cut, the loss of the machine. A backend that gives less is an error. The spool and the "
         "Maildir give `machine`, discard gives `none`; a plugin says what it gives when it is opened."},
    {.name = "storage.host",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.host); },
     .choices = kHosts,
     .since = "0.1.0",
     .description = "Where the backend runs: on each core's own thread, or on worker threads behind a queue; "
                    "`\"auto\"`: what suits the backend."},
    {.name = "storage.workers",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.storage.workers; },
     .least = 1,
     .most = kCoresMax,
     .since = "0.1.0",
     .description = "How many worker threads serve storage when it runs on workers; a plugin has as many "
                    "instances."},
    {.name = "storage.queue",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.storage.queue; },
     .least = 1,
     .most = limits::store_queue_entries,
     .since = "0.2.0",
     .description =
         "How many messages of a core may be at a storage worker; while there are so many, new mail "
         "is refused with 452 4.3.1."},

    {.name = "storage.deliver",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.deliver); },
     .choices = kDelivers,
     .since = "0.2.0",
     .description =
         "With `backend = \"spool\"`: the plugin that what is in the spool is delivered to, as it comes "
         "(docs/storage.md). A 250 means what the spool gives."},
    {.name = "storage.fallback",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.storage.fallback); },
     .choices = kFallbacks,
     .since = "0.2.0",
     .description =
         "With a plugin as the backend: where a message goes that it does not keep at once. `spool`: it is "
         "kept in the spool, acknowledged, and delivered to the backend later (docs/storage.md)."},
    {.name = "storage.fallback_after",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.fallback_after_s; },
     .least = 1,
     .most = 600,
     .since = "0.2.0",
     .description = "How long the backend may take for a message before the fallback gets it."},

    {.name = "storage.delivery.backoff_least",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.backoff_least_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description =
         "How long a message waits that was answered retry; after each further one twice as long, a quarter "
         "more or less. Also the pause between attempts at a backend that is away, with a fallback."},
    {.name = "storage.delivery.backoff_most",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.backoff_most_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "The longest wait of that kind."},
    {.name = "storage.delivery.max_age",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.age_max_s; },
     .most = 365 * kDayS,
     .since = "0.2.0",
     .description =
         "A message that is answered retry when it is older becomes a dead letter; `\"0s\"`: none does."},
    {.name = "storage.delivery.hold",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.storage.delivery.hold_s; },
     .most = 365 * kDayS,
     .since = "0.2.0",
     .description =
         "How long a message that is answered retry, while the backend takes others, holds back later ones "
         "of its domains, so that they arrive in order; `\"0s\"`: not at all."},
    {.name = "storage.delivery.window",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.delivery.window_bytes; },
     .least = 64 * KiB,
     .most = 64 * GiB,
     .since = "0.2.0",
     .description =
         "The most octets of messages that are being delivered at a time; with a fallback, also of those "
         "that are being tried by each worker. At least `smtp.message_size`; part of `server.memory`."},

    {.name = "storage.spool.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.storage.spool.path; },
     .least = 1,
     .since = "0.1.0",
     .description = "The spool's folder. One server at a time may use it."},
    {.name = "storage.spool.segment_size",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.spool.segment_bytes; },
     .least = limits::spool_segment_bytes_min,
     .most = limits::spool_segment_bytes_max,
     .since = "0.1.0",
     .description = "The size of one segment file: a whole number of 64KiB."},
    {.name = "storage.spool.min_free",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.spool.min_free_bytes; },
     .most = 16 * TiB,
     .since = "0.1.0",
     .description =
         "With less free space than this on the spool's file system, mail is refused with 452 4.3.1."},
    {.name = "storage.spool.require_direct_io",
     .type = KeyType::boolean,
     .field = [](Config& c) -> Field { return &c.storage.spool.direct_io_required; },
     .since = "0.1.0",
     .description =
         "Whether a file system without O_DIRECT is an error; `false`: there the spool writes through the "
         "page cache and syncs with fdatasync."},

    {.name = "storage.maildir.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.storage.maildir.path; },
     .least = 1,
     .since = "0.1.0",
     .description =
         "The Maildir, with its folders `tmp`, `new` and `cur`. With `{domain}` or `{local}` in it, as in "
         "`/var/mail/{domain}/{local}/Maildir`, each recipient has one; the folders before the first "
         "placeholder must exist."},
    {.name = "storage.maildir.min_free",
     .type = KeyType::size,
     .field = [](Config& c) -> Field { return &c.storage.maildir.min_free_bytes; },
     .most = 16 * TiB,
     .since = "0.1.0",
     .description =
         "With less free space than this on the Maildir's file system, mail is refused with 452 4.3.1."},

    {.name = "storage.plugin.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.storage.plugin.path; },
     .word = "none",
     .since = "0.2.0",
     .description = "The plugin of `backend = \"plugin\"`: a shared object with the interface of "
                    "`ringmx/backend.h` (docs/plugins.md)."},
    {.name = "storage.plugin.options",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.plugin.options; },
     .since = "0.2.0",
     .description = "What that plugin is opened with; which names it knows is for the plugin to say."},

    {.name = "storage.lmtp",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.lmtp; },
     .since = "0.2.0",
     .description = "The options of `backend = \"lmtp\"`."},
    {.name = "storage.http",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.http; },
     .since = "0.2.0",
     .description = "The options of `backend = \"http\"`."},
    {.name = "storage.jetstream",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.jetstream; },
     .since = "0.2.0",
     .description = "The options of `backend = \"jetstream\"`."},
    {.name = "storage.kafka",
     .type = KeyType::options,
     .field = [](Config& c) -> Field { return &c.storage.kafka; },
     .since = "0.2.0",
     .description = "The options of `backend = \"kafka\"`."},

    {.name = "confine.mode",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.confine.mode); },
     .choices = kConfineModes,
     .since = "0.2.0",
     .description =
         "What the server gives up once it serves: paths outside its own (Landlock), system calls that it "
         "does not need (seccomp), privileges of programs that it might start. `\"auto\"`: what the kernel "
         "can enforce, and less around a plugin of your own; `\"required\"`: all of it, or no start. "
         "docs/confinement.md."},
    {.name = "confine.user",
     .type = KeyType::account,
     .field = [](Config& c) -> Field { return &c.confine.user; },
     .word = "the one that started the server",
     .since = "0.2.0",
     .description =
         "The user that a server started as root goes on as when its addresses are bound; it needs "
         "write access to the spool, the log and the folder of the status socket."},
    {.name = "confine.group",
     .type = KeyType::account,
     .field = [](Config& c) -> Field { return &c.confine.group; },
     .word = "the user's own",
     .since = "0.2.0",
     .description = "The group beside it."},
    {.name = "confine.read",
     .type = KeyType::paths,
     .field = [](Config& c) -> Field { return &c.confine.read; },
     .since = "0.2.0",
     .description = "Files and folders that a plugin reads, beside those that the configuration names."},
    {.name = "confine.write",
     .type = KeyType::paths,
     .field = [](Config& c) -> Field { return &c.confine.write; },
     .since = "0.2.0",
     .description = "Files and folders that a plugin writes."},

    {.name = "log.transactions",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.log.transactions); },
     .choices = kLogTransactions,
     .since = "0.1.0",
     .description = "Which transactions get a log line: every one, those that were not stored, or none."},
    {.name = "log.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.log.path; },
     .word = "standard error",
     .since = "0.1.0",
     .description = "The log file: one JSON object a line, appended. SIGHUP opens it anew, for rotation."},

    {.name = "admin.socket",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.admin.socket; },
     .word = "none",
     .since = "0.1.0",
     .description =
         "The Unix socket on which the server answers `ringmxctl status`; only its owner may use it."},
};

constexpr std::string_view kSections[] = {"server",
                                          "accept",
                                          "accept.socketmap",
                                          "smtp",
                                          "tls",
                                          "proxy",
                                          "timeouts",
                                          "limits",
                                          "edge",
                                          "stress",
                                          "storage",
                                          "storage.delivery",
                                          "storage.spool",
                                          "storage.maildir",
                                          "storage.plugin",
                                          "confine",
                                          "log",
                                          "admin"};

}  // namespace

std::span<const Key> keys() {
    return kKeys;
}
std::span<const std::string_view> sections() {
    return kSections;
}
std::span<const std::string_view> bare_newline_modes() {
    return kBareNewlineModes;
}

const Key* find_key(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == name; });
    return found == std::end(kKeys) ? nullptr : found;
}

}  // namespace ringmx::config
