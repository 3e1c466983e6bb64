// Delivery as the configuration wants it: the thread that drains the spool to the plugin, and the fallback
// that puts the spool behind it. docs/storage.md.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "admin/log.hpp"
#include "admin/storage_counters.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "server/plugin_setup.hpp"
#include "storage/delivery/delivery.hpp"
#include "storage/delivery/fallback.hpp"
#include "storage/spool/spool.hpp"

namespace ringmx::server {

class DeliverySetup {
 public:
    // `config`, `plugin` and `log` outlive the object; `spool` is open, and nothing is written to it yet.
    DeliverySetup(const config::StorageConfig& config, const PluginSetup& plugin,
                  storage::spool::Spool& spool, admin::Log& log);

    // Starts the thread. Blocks while the plugin opens.
    Status start() { return delivery_.start(); }
    // False: a plugin does not let it end; then this object and the spool must stay.
    bool stop();

    // The backend of one shard of the spool, which tells the delivery of what it stores. On its host's
    // thread.
    Result<std::unique_ptr<storage::Backend>> open_spool_backend(unsigned shard, ring::Ring& ring,
                                                                 storage::StoreSink& sink);
    // The plugin with that shard behind it. On the worker's thread.
    Result<std::unique_ptr<storage::Backend>> open_fallback(unsigned shard, ring::Ring& ring,
                                                            storage::StoreSink& sink);
    // Adds what was counted. Any thread.
    void fill(admin::StorageStatus& status) const;

 private:
    // Passes reports on, and tells the delivery of what was stored.
    class Listener final : public storage::StoreSink {
     public:
        Listener(storage::StoreSink& sink, storage::delivery::Delivery::Source& source)
            : sink_(sink), source_(source) {}
        void part_done(Message* message, Chunk* chunk, storage::StoreStatus status) override {
            sink_.part_done(message, chunk, status);
        }
        void message_done(Message* message, storage::StoreStatus status, std::string_view text) override {
            if (status == storage::StoreStatus::stored) source_.stored();
            sink_.message_done(message, status, text);
        }

     private:
        storage::StoreSink& sink_;
        storage::delivery::Delivery::Source& source_;
    };
    class LogObserver final : public storage::delivery::Observer {
     public:
        explicit LogObserver(admin::Log& log) : log_(&log) {}
        void event(storage::delivery::Severity severity, std::string_view event, std::string_view text,
                   std::string_view id) override;
        void close();  // nothing is logged any more

     private:
        std::mutex mutex_;
        admin::Log* log_;
    };

    const config::StorageConfig& config_;
    const PluginSetup& plugin_;
    storage::spool::Spool& spool_;
    LogObserver observer_;
    storage::delivery::LateAnswers late_;
    storage::delivery::Delivery delivery_;
    mutable std::mutex mutex_;  // of what follows
    std::deque<Listener> listeners_;
    std::deque<storage::delivery::FallbackCounters> fallbacks_;
};

}  // namespace ringmx::server
