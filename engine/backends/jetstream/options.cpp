#include "options.hpp"

#include <stdexcept>

#include "records/values.hpp"

namespace ringmx::jetstream {
namespace {

constexpr std::size_t subject_octets_max = 1024;  // a server's control line holds 4096

Access read_access(const plugin::Options& options) {
    Access access;
    access.servers = options.all("servers");
    if (access.servers.empty()) access.servers.emplace_back("nats://127.0.0.1:4222");
    access.name = options.get("name", "ringmx");
    access.credentials = options.get("credentials", "");
    access.user = options.get("user", "");
    access.password = options.get("password", "");
    access.token = options.get("token", "");
    access.tls_ca = options.get("tls_ca", "");
    access.tls_cert = options.get("tls_cert", "");
    access.tls_key = options.get("tls_key", "");
    if (access.tls_cert.empty() != access.tls_key.empty())
        throw std::runtime_error("options tls_cert and tls_key go together");
    if (access.user.empty() && !access.password.empty())
        throw std::runtime_error("option password needs option user");
    return access;
}

}  // namespace

Settings read_settings(const plugin::Options& options) {
    Settings settings{
        .access = read_access(options),
        .stream = options.require("stream"),
        .subject =
            records::Destination("subject", options.get("subject", "mail.{domain}"), subject_octets_max),
        .durability = records::durability_option(options),
    };
    settings.sync_always = options.flag("sync_always", settings.sync_always);
    settings.timeout_ms =
        static_cast<std::int64_t>(records::duration_s(options, "timeout", 10, 1, 3600)) * 1000;
    settings.in_flight_max =
        static_cast<std::uint32_t>(options.number("in_flight_max", settings.in_flight_max, 1, 65536));
    settings.in_flight_octets_max = records::size_octets(
        options, "in_flight_octets", settings.in_flight_octets_max, 1u << 20, std::uint64_t{1} << 40);
    return settings;
}

}  // namespace ringmx::jetstream
