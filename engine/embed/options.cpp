#include "embed/options.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "config/keys.hpp"
#include "config/value.hpp"

namespace ringmx::embed {

namespace {

constexpr const char* kSource = "options";  // in front of errors that no file explains

void demand(plugin::Durability durability, config::Config& config) {
    config.storage.durability = static_cast<config::DurabilityLevel>(durability);
    config.storage.durability_set = true;
}
static_assert(static_cast<int>(config::DurabilityLevel::replicated) == RINGMX_DURABLE_REPLICATED);

// Puts options over a configuration, by the keys that they are named after.
class Overlay {
 public:
    Overlay(config::Config& config, std::vector<std::string>& problems)
        : config_(config), problems_(problems) {}

    void text(std::string_view key, const std::string& value) {
        if (!value.empty()) set(key, value);
    }
    void number(std::string_view key, std::uint64_t value) {
        if (value != 0) set(key, static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX)));
    }
    void list(std::string_view key, const std::vector<std::string>& value) {
        if (!value.empty()) set(key, value);
    }
    // Unlike in a file, port 0 is one that is free.
    void listen(const std::vector<std::string>& addresses) {
        for (const std::string& address : addresses) {
            if (config::parse_endpoint(address, 0)) continue;
            problems_.push_back("server.listen: \"" + address + "\" is not ADDRESS:PORT");
        }
        if (!addresses.empty()) config_.server.listen = addresses;
    }

 private:
    void set(std::string_view key, const config::Value& value) {
        if (const auto problem = config::set_value(*config::find_key(key), value, config_)) {
            problems_.push_back(std::string(key) + ": " + *problem);
        }
    }

    config::Config& config_;
    std::vector<std::string>& problems_;
};

void amend(const Options& options, config::Config& config, std::vector<std::string>& problems) {
    Overlay overlay(config, problems);
    overlay.text("server.hostname", options.hostname);
    overlay.listen(options.listen);
    overlay.number("server.cores", options.cores);
    overlay.number("server.memory", options.memory);
    overlay.number("server.connections_max", options.connections_max);
    overlay.list("accept.domains", options.domains);
    overlay.text("accept.recipients", options.recipients_file);
    overlay.number("smtp.message_size", options.message_size);
    overlay.number("smtp.recipients_max", options.recipients_max);
    overlay.text("storage.backend", options.storage);
    overlay.text("storage.spool.path", options.storage_path);
    overlay.text("storage.maildir.path", options.storage_path);
    overlay.number("storage.workers", options.storage_workers);
    overlay.text("log.path", options.log_path);
    if (options.backend) {
        config.storage.backend = config::StorageBackend::plugin;
        config.storage.plugin.path = options.backend_name;  // nothing is loaded from there
    }
    if (options.durability) demand(*options.durability, config);
    const bool configured = !options.config_file.empty() || !options.config_text.empty();
    config.server.pin = options.pin.value_or(configured && config.server.pin);
    if (!options.config_file.empty() && !options.config_text.empty()) {
        problems.emplace_back("config_file and config_text: give one of them");
    }
    if (options.backend && !options.storage.empty()) {
        problems.emplace_back("backend and storage: give one of them");
    }
}

}  // namespace

Result<config::Config> to_config(const Options& options) {
    const config::Amend amended = [&](config::Config& config, std::vector<std::string>& problems) {
        amend(options, config, problems);
    };
    const std::string name = options.config_text.empty() ? kSource : "config_text";
    if (!options.config_file.empty()) return config::load_file(options.config_file, amended);
    return config::load_text(options.config_text, name, "", amended);
}

}  // namespace ringmx::embed
