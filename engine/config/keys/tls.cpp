// [tls]: certificates, versions, tickets.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kTlsProfiles[] = {"intermediate", "modern"};
constexpr std::string_view kTlsVersions[] = {"1.2", "1.3"};
constexpr std::string_view kClientCertificates[] = {"none", "request"};

constexpr Key kKeys[] = {
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
    {.name = "tls.client_authorities",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.tls.client_authorities; },
     .word = "none",
     .since = "0.2.0",
     .description =
         "The authorities by which clients' certificates are verified: a PEM file, or a folder whose files "
         "`*.pem` and `*.crt` are. One that is not verified is taken all the same: that is a fact, too."},
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
};

}  // namespace

std::span<const Key> tls_keys() {
    return kKeys;
}

}  // namespace ringmx::config
