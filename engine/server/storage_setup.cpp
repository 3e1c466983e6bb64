#include "server/storage_setup.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "admin/storage_counters.hpp"
#include "server/delivery_setup.hpp"
#include "server/engine.hpp"
#include "server/plugin_setup.hpp"
#include "storage/core_host.hpp"
#include "storage/discard.hpp"
#include "storage/maildir.hpp"
#include "storage/spool/spool.hpp"
#include "storage/storage_worker.hpp"

namespace ringmx::server {

namespace {

namespace spool = storage::spool;

bool wants_workers(const config::StorageConfig& config) {
    switch (config.host) {
        case config::StorageHost::core:
            return false;
        case config::StorageHost::worker:
            return true;
        case config::StorageHost::automatic:
            break;
    }
    // The spool and discard never block, and on the core they need no hand-off (docs/benchmarks.md).
    return config.backend == config::StorageBackend::maildir || config::is_plugin(config.backend);
}

static_assert(
    static_cast<int>(storage::Durability::none) == static_cast<int>(config::DurabilityLevel::none) &&
    static_cast<int>(storage::Durability::process) == static_cast<int>(config::DurabilityLevel::process) &&
    static_cast<int>(storage::Durability::machine) == static_cast<int>(config::DurabilityLevel::machine) &&
    static_cast<int>(storage::Durability::replicated) ==
        static_cast<int>(config::DurabilityLevel::replicated));

int spool_error_code(int code) {
    if (code == spool::open_error::locked) return start_error::storage_locked;
    if (code == spool::open_error::no_direct_io) return start_error::no_direct_io;
    return start_error::storage_failed;
}

class ConfiguredStorage final : public StorageSetup {
 public:
    ConfiguredStorage(const config::Config& config, unsigned cores)
        : config_(config.storage), hostname_(config.server.hostname), cores_(cores) {}

    Status open(admin::Log& log, const LinkedBackend* linked);
    Result<CoreStorage> make_host(unsigned core, ring::Ring& ring, storage::StoreSink& sink) override;
    void stop() override;
    bool behind_workers() const override { return !workers_.empty(); }
    std::string_view name() const override;
    storage::Durability durability() const override;
    admin::StorageStatus status() const override;

 private:
    Status open_spool(unsigned shards, admin::Log& log);
    Status check_durability() const;
    Result<std::unique_ptr<storage::Backend>> make_backend(unsigned shard, ring::Ring& ring,
                                                           storage::StoreSink& sink);

    const config::StorageConfig& config_;
    const std::string& hostname_;
    const unsigned cores_;
    std::unique_ptr<spool::Spool> spool_;
    std::unique_ptr<PluginSetup> plugin_;
    std::unique_ptr<DeliverySetup> delivery_;
    std::vector<std::unique_ptr<storage::StorageWorker>> workers_;
    std::optional<storage::BackendTraits> traits_;  // of what the workers have opened
};

Status ConfiguredStorage::open(admin::Log& log, const LinkedBackend* linked) {
    const bool behind = wants_workers(config_);
    const unsigned hosts = behind ? config_.workers : cores_;
    if (config_.backend == config::StorageBackend::spool ||
        config_.fallback == config::StorageFallback::spool) {
        if (Status status = open_spool(hosts, log); !status) return status;
    }
    if (linked != nullptr || config::plugin_used(config_)) {
        auto loaded =
            linked != nullptr ? PluginSetup::link(config_, *linked, log) : PluginSetup::load(config_, log);
        if (!loaded) return Error{start_error::storage_failed, loaded.error().message};
        plugin_ = std::move(*loaded);
    }
    if (config::delivers(config_)) {
        delivery_ = std::make_unique<DeliverySetup>(config_, *plugin_, *spool_, log);
        if (Status started = delivery_->start(); !started)
            return Error{start_error::storage_failed, started.error().message};
    }
    for (unsigned index = 0; behind && index < hosts; ++index) {
        storage::WorkerOptions options;
        options.outstanding_max = config_.queue;
        auto worker =
            storage::StorageWorker::start(options, [this, index](ring::Ring& ring, storage::StoreSink& sink) {
                return make_backend(index, ring, sink);
            });
        if (!worker) return Error{start_error::storage_failed, worker.error().message};
        workers_.push_back(std::move(*worker));
    }
    if (!workers_.empty()) traits_ = workers_.front()->traits();
    return check_durability();
}

// What a plugin gives is known only now; the others were checked with the configuration.
Status ConfiguredStorage::check_durability() const {
    const auto demanded = static_cast<storage::Durability>(config_.durability);
    if (!config_.durability_set || durability() >= demanded) return ok_status();
    return Error{start_error::bad_config, "storage.durability: \"" +
                                              std::string(storage::to_string(demanded)) +
                                              "\" is more than backend \"" + std::string(name()) +
                                              "\" gives with these options, which is \"" +
                                              std::string(storage::to_string(durability())) + "\""};
}

std::string_view ConfiguredStorage::name() const {
    return traits_ ? traits_->name : config::to_string(config_.backend);
}

storage::Durability ConfiguredStorage::durability() const {
    return traits_ ? traits_->durability
                   : static_cast<storage::Durability>(config::durability_given(config_.backend));
}

admin::StorageStatus ConfiguredStorage::status() const {
    admin::StorageStatus status{.backend = name(), .durability = storage::to_string(durability())};
    if (plugin_ != nullptr) plugin_->fill(status);
    if (delivery_ != nullptr) delivery_->fill(status);
    return status;
}

Status ConfiguredStorage::open_spool(unsigned shards, admin::Log& log) {
    spool::SpoolOptions options;
    options.path = config_.spool.path;
    options.shards = shards;
    options.segment_bytes = config_.spool.segment_bytes;
    options.min_free_bytes = config_.spool.min_free_bytes;
    options.direct_io_required = config_.spool.direct_io_required;
    auto opened = spool::Spool::open(options);
    if (!opened) return Error{spool_error_code(opened.error().code), opened.error().message};
    spool_ = std::move(*opened);

    const spool::RecoveryReport& report = spool_->report();
    log.event(report.corruptions == 0 ? admin::LogLevel::info : admin::LogLevel::error, "recovery",
              report.corruptions == 0 ? "the spool is open"
                                      : "the spool is damaged: acknowledged mail cannot be read",
              {{"path", options.path},
               {"messages", std::to_string(report.messages)},
               {"bytes", std::to_string(report.bytes)},
               {"torn_ends", std::to_string(report.torn_ends)},
               {"corruptions", std::to_string(report.corruptions)},
               {"seconds", std::to_string(report.seconds)}});
    for (const std::string& problem : report.problems)
        log.event(admin::LogLevel::error, "recovery_problem", problem);
    return ok_status();
}

Result<std::unique_ptr<storage::Backend>> ConfiguredStorage::make_backend(unsigned shard, ring::Ring& ring,
                                                                          storage::StoreSink& sink) {
    switch (config_.backend) {
        case config::StorageBackend::spool:
            if (delivery_ != nullptr) return delivery_->open_spool_backend(shard, ring, sink);
            return spool::make_spool_backend(*spool_, shard, ring, sink);
        case config::StorageBackend::maildir:
            return storage::open_maildir({config_.maildir.path, hostname_, config_.maildir.min_free_bytes},
                                         sink);
        case config::StorageBackend::discard:
            break;
        case config::StorageBackend::plugin:
        case config::StorageBackend::lmtp:
        case config::StorageBackend::http:
        case config::StorageBackend::jetstream:
        case config::StorageBackend::kafka:
            if (delivery_ != nullptr) return delivery_->open_fallback(shard, ring, sink);
            return plugin_->open(ring, sink);
    }
    return std::unique_ptr<storage::Backend>(std::make_unique<storage::DiscardBackend>(sink));
}

Result<CoreStorage> ConfiguredStorage::make_host(unsigned core, ring::Ring& ring, storage::StoreSink& sink) {
    CoreStorage made;
    if (behind_workers()) {
        auto host = workers_[core % workers_.size()]->attach(ring, sink);
        if (!host) return Error{start_error::storage_failed, host.error().message};
        made.host = std::move(*host);
        return made;
    }
    auto backend = make_backend(core, ring, sink);
    if (!backend) return Error{start_error::storage_failed, backend.error().message};
    made.backend = std::move(*backend);
    made.host = storage::make_core_host(*made.backend);
    return made;
}

void ConfiguredStorage::stop() {
    bool ended = true;
    for (const auto& worker : workers_)
        ended = worker->stop() && ended;
    workers_.clear();
    if (delivery_ != nullptr) {
        ended = delivery_->stop() && ended;
        if (!ended) static_cast<void>(delivery_.release());
        delivery_.reset();
    }
    if (plugin_ != nullptr) plugin_->close();
    if (!ended) static_cast<void>(spool_.release());  // a thread that does not end may still use it
    spool_.reset();
}

}  // namespace

Result<std::unique_ptr<StorageSetup>> StorageSetup::open(const config::Config& config, unsigned cores,
                                                         admin::Log& log, const LinkedBackend* linked) {
    auto setup = std::make_unique<ConfiguredStorage>(config, cores);
    if (Status status = setup->open(log, linked); !status) {
        setup->stop();
        return status.error();
    }
    return std::unique_ptr<StorageSetup>(std::move(setup));
}

}  // namespace ringmx::server
