#include "config/checks.hpp"

#include <algorithm>
#include <thread>

#include "base/path_template.hpp"
#include "config/keys.hpp"
#include "config/recipients_source.hpp"
#include "config/units.hpp"
#include "config/value.hpp"

namespace ringmx::config {

namespace {

// The spool writes whole pages and large chunks: a segment is a whole number of this.
constexpr std::uint64_t kSegmentStepBytes = 64u << 10;

std::string quote(std::string_view text) {
    return std::string("\"").append(text).append("\"");
}

void check_memory(const Config& config, std::vector<Finding>& findings) {
    const std::uint64_t cores = cores_in_use(config);
    const std::uint64_t least = kMemoryProcessBytesMin + cores * kMemoryPerCoreBytesMin;
    if (config.server.memory_bytes >= least) return;
    findings.push_back({"server.memory", quote(format_size(config.server.memory_bytes)) +
                                             " is too little for " + std::to_string(cores) +
                                             " cores; give at least " + quote(format_size(least)) +
                                             " or fewer server.cores"});
}

void check_durability(const Config& config, std::vector<Finding>& findings) {
    const DurabilityLevel given = durability_given(config.storage);
    if (!config.storage.durability_set || config.storage.durability <= given) return;
    const std::string with = config.storage.fallback == StorageFallback::spool ? " with a fallback" : "";
    findings.push_back({"storage.durability", quote(to_string(config.storage.durability)) +
                                                  " is more than backend " +
                                                  quote(to_string(config.storage.backend)) + with +
                                                  " gives, which is " + quote(to_string(given))});
}

void check_maildir(const StorageConfig& config, std::vector<Finding>& findings) {
    if (config.backend != StorageBackend::maildir) return;
    const auto path = PathTemplate::parse(config.maildir.path);
    if (!path)
        findings.push_back({"storage.maildir.path", quote(config.maildir.path) + " " + path.error().message});
}

void check_plugin(const StorageConfig& config, std::vector<Finding>& findings) {
    if (plugin_used(config) == StorageBackend::plugin && config.plugin.path.empty()) {
        findings.push_back({is_plugin(config.backend) ? "storage.backend" : "storage.deliver",
                            "\"plugin\" needs storage.plugin.path, the shared object"});
    }
    if (is_plugin(config.backend) && config.host == StorageHost::core) {
        findings.push_back(
            {"storage.host", "\"core\" is not for backend " + quote(to_string(config.backend)) +
                                 ": a plugin runs on workers; leave it out or give \"worker\""});
    }
}

void check_delivery(const Config& config, std::vector<Finding>& findings) {
    const StorageConfig& storage = config.storage;
    if (storage.deliver != StorageDeliver::none && storage.backend != StorageBackend::spool) {
        findings.push_back(
            {"storage.deliver", "is for storage.backend = \"spool\"; storage.fallback is for others"});
    }
    if (storage.fallback != StorageFallback::none && !is_plugin(storage.backend)) {
        findings.push_back({"storage.fallback", "is for a plugin as storage.backend, not for " +
                                                    quote(to_string(storage.backend))});
    }
    if (storage.delivery.backoff_least_s > storage.delivery.backoff_most_s) {
        findings.push_back({"storage.delivery.backoff_least", "is more than storage.delivery.backoff_most"});
    }
    if (delivers(storage) && storage.delivery.window_bytes < config.smtp.message_bytes_max) {
        findings.push_back(
            {"storage.delivery.window", quote(format_size(storage.delivery.window_bytes)) +
                                            " is less than smtp.message_size, " +
                                            quote(format_size(config.smtp.message_bytes_max))});
    }
}

void check_tls(const Config& config, std::vector<Finding>& findings) {
    if (!config.tls.client_authorities.empty() &&
        config.tls.client_certificates == ClientCertificates::none) {
        findings.push_back(
            {"tls.client_authorities", "needs tls.client_certificates = \"request\": no client is asked"});
    }
    if (!config.tls.certificates.empty()) return;
    if (!config.server.listen_tls.empty()) {
        findings.push_back({"server.listen_tls", "needs a certificate: give tls.certificates"});
    }
    if (!config.tls.required.empty()) {
        findings.push_back({"tls.required", "needs a certificate: give tls.certificates"});
    }
}

void check_confine(const ConfineConfig& confine, std::vector<Finding>& findings) {
    if (confine.user.empty() && !confine.group.empty())
        findings.push_back({"confine.group", "needs confine.user"});
}

void check_deadline(std::string_view key, const ServiceConfig& service, const Config& config,
                    std::vector<Finding>& findings) {
    if (service.deadline_s < config.timeouts.command_s) return;
    findings.push_back(
        {key, quote(format_duration(service.deadline_s)) +
                  " is not less than timeouts.command, which ends a session that waits so long"});
}

bool is_authorization(const std::string& field) {
    constexpr std::string_view name = "authorization:";
    return field.size() >= name.size() &&
           std::equal(name.begin(), name.end(), field.begin(),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + ('a' - 'A') : b); });
}

void check_recipients(const Config& config, std::vector<Finding>& findings) {
    const auto source = parse_recipients(config.accept.recipients);
    if (!source) return;
    const HttpServiceConfig& http = config.accept.http;
    if (source->kind == RecipientsSource::Kind::socketmap)
        check_deadline("accept.socketmap.deadline", config.accept.socketmap, config, findings);
    if (source->kind == RecipientsSource::Kind::http)
        check_deadline("accept.http.deadline", http, config, findings);
    if (!http.bearer_token_file.empty() &&
        std::any_of(http.headers.begin(), http.headers.end(), is_authorization)) {
        findings.push_back(
            {"accept.http.headers", "has Authorization, as accept.http.bearer_token_file has"});
    }
    const auto asks_for = [&](std::string_view part) { return source->url.find(part) != std::string::npos; };
    const std::vector<std::string>& domains = config.accept.domains;
    const bool one_domain = domains.size() == 1 && domains.front() != "*";
    if (source->kind == RecipientsSource::Kind::http && !asks_for("{recipient}") && !asks_for("{domain}") &&
        !one_domain) {
        findings.push_back(
            {"accept.recipients",
             "asks for {local} without {domain}, and accept.domains is not one single domain"});
    }
    if (!http.ca_file.empty() && source->kind == RecipientsSource::Kind::http &&
        !source->url.starts_with("https://")) {
        findings.push_back({"accept.http.ca_file", "is for a service at https://"});
    }
}

void check_listeners(const ServerConfig& config, std::vector<Finding>& findings) {
    for (const std::string& address : config.listen_tls) {
        if (std::find(config.listen.begin(), config.listen.end(), address) != config.listen.end())
            findings.push_back({"server.listen_tls", quote(address) + " stands in server.listen, too"});
    }
}

void check_proxy(const Config& config, std::vector<Finding>& findings) {
    const auto has = [](const std::vector<std::string>& list, const std::string& address) {
        return std::find(list.begin(), list.end(), address) != list.end();
    };
    for (const std::string& address : config.proxy.listeners) {
        if (!has(config.server.listen, address) && !has(config.server.listen_tls, address))
            findings.push_back({"proxy.listeners", quote(address) + " stands neither in server.listen nor in "
                                                                    "server.listen_tls"});
    }
    if (!config.proxy.listeners.empty() && config.proxy.networks.empty())
        findings.push_back({"proxy.listeners", "needs proxy.networks, from where the proxies connect"});
}

bool has_everybody(const std::vector<Network>& networks) {
    return std::any_of(networks.begin(), networks.end(),
                       [](const Network& network) { return network.prefix_bits == 0; });
}

void check_limits(const Config& config, std::vector<Finding>& findings) {
    const LimitsConfig& limits = config.limits;
    if (limits.network_prefix_ipv4 > limits.client_prefix_ipv4)
        findings.push_back({"limits.network_prefix_ipv4", "is longer than limits.client_prefix_ipv4"});
    if (limits.network_prefix_ipv6 > limits.client_prefix_ipv6)
        findings.push_back({"limits.network_prefix_ipv6", "is longer than limits.client_prefix_ipv6"});
    if (limits.reserve != 0 && limits.known.empty())
        findings.push_back({"limits.reserve", "is for the networks of limits.known: give some"});
    if (config.server.connections_max != 0 && limits.reserve >= config.server.connections_max)
        findings.push_back({"limits.reserve", "is all of server.connections_max, or more"});
}

}  // namespace

std::vector<Finding> cross_check(const Config& config) {
    std::vector<Finding> findings;
    check_memory(config, findings);
    check_durability(config, findings);
    check_maildir(config.storage, findings);
    check_plugin(config.storage, findings);
    check_delivery(config, findings);
    check_tls(config, findings);
    check_listeners(config.server, findings);
    check_confine(config.confine, findings);
    check_proxy(config, findings);
    check_recipients(config, findings);
    check_limits(config, findings);
    if (config.storage.spool.segment_bytes % kSegmentStepBytes != 0) {
        findings.push_back(
            {"storage.spool.segment_size",
             quote(format_size(config.storage.spool.segment_bytes)) + " is not a whole number of 64KiB"});
    }
    if (!is_domain_name(config.server.hostname)) {
        findings.push_back(
            {"server.hostname", "the machine's name " + quote(config.server.hostname) +
                                    " is not a domain name; give one, such as \"mx1.example.com\""});
    }
    return findings;
}

std::vector<std::string> warnings(const Config& config) {
    std::vector<std::string> list;
    const auto& domains = config.accept.domains;
    if (domains.empty())
        list.emplace_back("accept.domains is empty: every recipient but <postmaster> is refused");
    if (std::find(domains.begin(), domains.end(), "*") != domains.end()) {
        list.emplace_back("accept.domains has \"*\": mail for every domain is accepted");
    }
    if (config.storage.backend == StorageBackend::discard) {
        list.emplace_back("storage.backend is \"discard\": accepted mail is not kept");
    }
    if (has_everybody(config.proxy.networks) || has_everybody(config.proxy.xclient)) {
        list.emplace_back(
            "proxy.networks or proxy.xclient has a network of all addresses: every client may "
            "pass for any other");
    }
    if (config.server.hostname.find('.') == std::string::npos) {
        list.push_back("server.hostname " + quote(config.server.hostname) +
                       " is not fully qualified (RFC 5321 §2.3.5)");
    }
    return list;
}

std::uint32_t cores_in_use(const Config& config) {
    if (config.server.cores != 0) return config.server.cores;
    return std::max(1u, std::thread::hardware_concurrency());  // of the process's CPU mask
}

DurabilityLevel durability_given(StorageBackend backend) {
    switch (backend) {
        case StorageBackend::spool:
        case StorageBackend::maildir:
            return DurabilityLevel::machine;
        case StorageBackend::discard:
            return DurabilityLevel::none;
        case StorageBackend::plugin:
        case StorageBackend::lmtp:
        case StorageBackend::http:
        case StorageBackend::jetstream:
        case StorageBackend::kafka:
            return DurabilityLevel::replicated;
    }
    return DurabilityLevel::none;
}

DurabilityLevel durability_given(const StorageConfig& config) {
    const DurabilityLevel given = durability_given(config.backend);
    if (config.fallback == StorageFallback::none) return given;
    return std::min(given, durability_given(StorageBackend::spool));
}

bool is_plugin(StorageBackend backend) {
    return backend >= StorageBackend::plugin;
}

std::optional<StorageBackend> plugin_used(const StorageConfig& config) {
    if (is_plugin(config.backend)) return config.backend;
    switch (config.deliver) {
        case StorageDeliver::none:
            break;
        case StorageDeliver::plugin:
            return StorageBackend::plugin;
        case StorageDeliver::lmtp:
            return StorageBackend::lmtp;
        case StorageDeliver::http:
            return StorageBackend::http;
        case StorageDeliver::jetstream:
            return StorageBackend::jetstream;
        case StorageDeliver::kafka:
            return StorageBackend::kafka;
    }
    return std::nullopt;
}

bool delivers(const StorageConfig& config) {
    return config.deliver != StorageDeliver::none || config.fallback != StorageFallback::none;
}

const OptionList& plugin_options(const StorageConfig& config) {
    switch (plugin_used(config).value_or(StorageBackend::plugin)) {
        case StorageBackend::lmtp:
            return config.lmtp;
        case StorageBackend::http:
            return config.http;
        case StorageBackend::jetstream:
            return config.jetstream;
        case StorageBackend::kafka:
            return config.kafka;
        default:
            return config.plugin.options;
    }
}

std::string_view to_string(StorageBackend backend) {
    return find_key("storage.backend")->choices[static_cast<std::size_t>(backend)];
}

std::string_view to_string(DurabilityLevel level) {
    return find_key("storage.durability")->choices[static_cast<std::size_t>(level)];
}

}  // namespace ringmx::config
