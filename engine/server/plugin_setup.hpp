// The plugin that a configuration wants: loaded once, then opened once for each storage worker; its log lines
// and its counters.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "admin/log.hpp"
#include "admin/storage_counters.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "storage/backend.hpp"
#include "storage/delivery/target.hpp"
#include "storage/plugin/plugin_backend.hpp"

namespace ringmx::server {

// Lines that plugins log, as events "plugin". A plugin's threads may outlive the log: until close().
class PluginLog final : public storage::plugin::Services {
 public:
    explicit PluginLog(admin::Log& log) : log_(&log) {}
    void log(std::string_view backend, ringmx_log_level level, std::string_view text) override;
    void close();

 private:
    std::mutex mutex_;
    admin::Log* log_;
};

// A backend that is part of the program.
struct LinkedBackend {
    const ringmx_backend* backend = nullptr;  // stays until the process ends
    storage::plugin::OptionList options{};    // before those of the configuration
};

class PluginSetup {
 public:
    // In place of load().
    static Result<std::unique_ptr<PluginSetup>> link(const config::StorageConfig& config,
                                                     const LinkedBackend& linked, admin::Log& log);
    // Loads what the configuration uses (config::plugin_used). `config` outlives the object.
    static Result<std::unique_ptr<PluginSetup>> load(const config::StorageConfig& config, admin::Log& log);

    // On a worker's thread.
    Result<std::unique_ptr<storage::Backend>> open(ring::Ring& ring, storage::StoreSink& sink) const;
    // The same for a delivery or a fallback, on its thread, which `wake` wakes.
    Result<std::unique_ptr<storage::delivery::Target>> open_target(std::uint32_t in_flight_max,
                                                                   std::function<void()> wake) const;
    // Adds what the plugin has counted. Any thread.
    void fill(admin::StorageStatus& status) const;
    // Nothing is logged any more.
    void close() { services_->close(); }

 private:
    PluginSetup(const config::StorageConfig& config, LinkedBackend linked, admin::Log& log);
    storage::plugin::OptionList options() const;

    const config::StorageConfig& config_;
    const LinkedBackend linked_;
    std::shared_ptr<PluginLog> services_;
    std::shared_ptr<storage::plugin::Totals> totals_;
};

}  // namespace ringmx::server
