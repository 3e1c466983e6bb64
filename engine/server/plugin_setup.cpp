#include "server/plugin_setup.hpp"

#include <utility>

#include "storage/plugin/library.hpp"

namespace ringmx::server {

namespace plugin = storage::plugin;

void PluginLog::log(std::string_view backend, ringmx_log_level level, std::string_view text) {
    const auto to = level == RINGMX_LOG_ERROR     ? admin::LogLevel::error
                    : level == RINGMX_LOG_WARNING ? admin::LogLevel::warning
                                                  : admin::LogLevel::info;
    const std::lock_guard lock(mutex_);
    if (log_ != nullptr) log_->event(to, "plugin", text, {{"backend", backend}});
}

void PluginLog::close() {
    const std::lock_guard lock(mutex_);
    log_ = nullptr;
}

Result<std::unique_ptr<PluginSetup>> PluginSetup::load(const config::StorageConfig& config, admin::Log& log) {
    const config::StorageBackend used = config::plugin_used(config).value_or(config::StorageBackend::plugin);
    const std::string path = used == config::StorageBackend::plugin
                                 ? config.plugin.path
                                 : plugin::shipped_path(config::to_string(used));
    const auto backend = plugin::load(path);
    if (!backend) return backend.error();
    log.event(admin::LogLevel::info, "plugin", "loaded",
              {{"backend", (*backend)->name},
               {"version", (*backend)->version == nullptr ? "" : (*backend)->version},
               {"path", path}});
    return std::unique_ptr<PluginSetup>(new PluginSetup(config, {*backend}, log));
}

Result<std::unique_ptr<PluginSetup>> PluginSetup::link(const config::StorageConfig& config,
                                                       const LinkedBackend& linked, admin::Log& log) {
    if (Status good = plugin::check(linked.backend, "the program's storage backend"); !good)
        return good.error();
    return std::unique_ptr<PluginSetup>(new PluginSetup(config, linked, log));
}

PluginSetup::PluginSetup(const config::StorageConfig& config, LinkedBackend linked, admin::Log& log)
    : config_(config),
      linked_(std::move(linked)),
      services_(std::make_shared<PluginLog>(log)),
      totals_(std::make_shared<plugin::Totals>()) {}

plugin::OptionList PluginSetup::options() const {
    plugin::OptionList all = linked_.options;
    const auto& configured = config::plugin_options(config_);
    all.insert(all.end(), configured.begin(), configured.end());
    return all;
}

Result<std::unique_ptr<storage::Backend>> PluginSetup::open(ring::Ring& ring,
                                                            storage::StoreSink& sink) const {
    plugin::PluginOptions options;
    options.options = this->options();
    options.services = services_;
    options.totals = totals_;
    return plugin::open_plugin(*linked_.backend, std::move(options), ring, sink);
}

Result<std::unique_ptr<storage::delivery::Target>> PluginSetup::open_target(
    std::uint32_t in_flight_max, std::function<void()> wake) const {
    plugin::InstanceOptions options;
    options.options = this->options();
    options.in_flight_max = in_flight_max;
    options.wake = std::move(wake);
    options.wake_within_calls = false;  // a drain and a fallback take answers after each of their calls
    auto opened = plugin::Instance::open(*linked_.backend, std::move(options), *services_);
    if (!opened) return opened.error();
    return storage::delivery::make_target(std::move(*opened), totals_, services_);
}

void PluginSetup::fill(admin::StorageStatus& status) const {
    const plugin::InstanceCounters sum = totals_->counters();
    status.plugin = admin::PluginCounters{sum.submitted, sum.stored,    sum.retried,
                                          sum.rejected,  sum.in_flight, sum.false_completions};
    for (const auto& [name, value] : totals_->own())
        status.own.emplace_back(std::string(linked_.backend->name) + "." + name, value);
}

}  // namespace ringmx::server
