#include "server/admission_setup.hpp"

#include "base/limits.hpp"

namespace ringmx::server {

namespace {

admission::Settings settings_of(const config::LimitsConfig& limits) {
    admission::Settings settings;
    settings.prefixes = {static_cast<std::uint8_t>(limits.client_prefix_ipv4),
                         static_cast<std::uint8_t>(limits.client_prefix_ipv6),
                         static_cast<std::uint8_t>(limits.network_prefix_ipv4),
                         static_cast<std::uint8_t>(limits.network_prefix_ipv6)};
    settings.client_connections = limits.client_connections;
    settings.client_connection_rate = limits.client_connection_rate;
    settings.network_connections = limits.network_connections;
    settings.network_connection_rate = limits.network_connection_rate;
    // In the order of admission::Rate.
    settings.rates = {limits.message_rate, limits.recipient_rate, limits.unknown_recipient_rate,
                      limits.error_rate};
    settings.exempt = limits.exempt;
    settings.known = limits.known;
    return settings;
}

}  // namespace

AdmissionSetup::AdmissionSetup(const config::Config& config)
    : settings(settings_of(config.limits)),
      cores(config::cores_in_use(config)),
      reserve_per_core((config.limits.reserve + cores - 1) / cores) {}

std::size_t admission_shared_bytes() {
    return limits::admission_shared_entries * sizeof(std::uint64_t);
}

std::size_t admission_core_bytes() {
    return limits::admission_clients_per_core * sizeof(admission::ClientTable::Client);
}

}  // namespace ringmx::server
