#include "server/linked_storage.hpp"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/engine.hpp"
#include "storage/plugin/library.hpp"
#include "storage/plugin/plugin_backend.hpp"
#include "storage/plugin/totals.hpp"
#include "storage/storage_worker.hpp"

namespace ringmx::server {

namespace {

namespace plugin = storage::plugin;

admin::LogLevel to_log(ringmx_log_level level) {
    switch (level) {
        case RINGMX_LOG_WARNING:
            return admin::LogLevel::warning;
        case RINGMX_LOG_ERROR:
            return admin::LogLevel::error;
        case RINGMX_LOG_INFO:
            break;
    }
    return admin::LogLevel::info;
}

// A thread that the backend did not stop may come later than the log's end.
class LogServices final : public plugin::Services {
 public:
    explicit LogServices(admin::Log& log) : log_(&log) {}
    void log(std::string_view backend, ringmx_log_level level, std::string_view text) override {
        const std::lock_guard lock(mutex_);
        if (log_ != nullptr) log_->event(to_log(level), "backend", text, {{"backend", backend}});
    }
    void end() {
        const std::lock_guard lock(mutex_);
        log_ = nullptr;
    }

 private:
    std::mutex mutex_;
    admin::Log* log_;
};

class LinkedStorage final : public StorageSetup {
 public:
    LinkedStorage(const config::StorageConfig& config, LinkedBackend linked, admin::Log& log)
        : config_(config),
          linked_(std::move(linked)),
          services_(std::make_shared<LogServices>(log)),
          totals_(std::make_shared<plugin::Totals>()) {}

    Status open();
    Result<CoreStorage> make_host(unsigned core, ring::Ring& ring, storage::StoreSink& sink) override;
    void stop() override;
    bool behind_workers() const override { return true; }
    storage::BackendTraits traits() const override { return traits_; }
    std::vector<std::pair<std::string, std::uint64_t>> own_counters() const override;

 private:
    const config::StorageConfig& config_;
    const LinkedBackend linked_;
    const std::shared_ptr<LogServices> services_;
    const std::shared_ptr<plugin::Totals> totals_;
    storage::BackendTraits traits_;
    std::vector<std::unique_ptr<storage::StorageWorker>> workers_;
};

Status LinkedStorage::open() {
    if (Status good = plugin::check(linked_.backend, "the backend"); !good)
        return Error{start_error::bad_config, good.error().message};
    for (unsigned index = 0; index < config_.workers; ++index) {
        // By value: a worker that does not end outlives this object.
        const plugin::PluginOptions options{
            .options = linked_.options, .services = services_, .totals = totals_};
        auto worker = storage::StorageWorker::start(
            {}, [options, backend = linked_.backend](ring::Ring& ring, storage::StoreSink& sink) {
                return plugin::open_plugin(*backend, options, ring, sink);
            });
        if (!worker) return Error{start_error::storage_failed, worker.error().message};
        workers_.push_back(std::move(*worker));
    }
    traits_ = workers_.front()->traits();
    traits_.name = linked_.backend->name;
    const auto demanded = static_cast<storage::Durability>(config_.durability);
    if (!config_.durability_set || demanded <= traits_.durability) return ok_status();
    return Error{start_error::storage_failed,
                 "storage.durability: \"" + std::string(storage::to_string(demanded)) +
                     "\" is more than backend \"" + std::string(traits_.name) + "\" gives, which is \"" +
                     std::string(storage::to_string(traits_.durability)) + '"'};
}

Result<CoreStorage> LinkedStorage::make_host(unsigned core, ring::Ring& ring, storage::StoreSink& sink) {
    auto host = workers_[core % workers_.size()]->attach(ring, sink);
    if (!host) return Error{start_error::storage_failed, host.error().message};
    CoreStorage made;
    made.host = std::move(*host);
    return made;
}

void LinkedStorage::stop() {
    for (const auto& worker : workers_)
        worker->stop();
    workers_.clear();
    services_->end();
}

std::vector<std::pair<std::string, std::uint64_t>> LinkedStorage::own_counters() const {
    auto counters = totals_->own();
    for (auto& [name, value] : counters)
        name.insert(0, std::string(linked_.backend->name) + ".");
    return counters;
}

}  // namespace

Result<std::unique_ptr<StorageSetup>> open_linked_storage(const config::Config& config,
                                                          const LinkedBackend& linked, admin::Log& log) {
    auto setup = std::make_unique<LinkedStorage>(config.storage, linked, log);
    if (Status status = setup->open(); !status) {
        setup->stop();
        return status.error();
    }
    return std::unique_ptr<StorageSetup>(std::move(setup));
}

}  // namespace ringmx::server
