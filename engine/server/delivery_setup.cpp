#include "server/delivery_setup.hpp"

#include <algorithm>

#include "storage/delivery/requeue.hpp"

namespace ringmx::server {
namespace {

namespace delivery = storage::delivery;

constexpr std::int64_t kEndWaitNs = 10 * kNsPerSecond;      // for the plugin to let the thread end
constexpr std::uint64_t kLetterSegmentBytesMax = 8u << 20;  // dead letters are few: their segments are small

delivery::Backoff backoff_of(const config::DeliveryConfig& config) {
    return {config.backoff_least_s * kNsPerSecond, config.backoff_most_s * kNsPerSecond};
}

delivery::DrainOptions drain_options(const config::StorageConfig& config) {
    delivery::DrainOptions options;
    options.spool_path = config.spool.path;
    options.dead.path = delivery::dead_path(config.spool.path);
    options.dead.shards = 1;
    options.dead.segment_bytes = std::min(config.spool.segment_bytes, kLetterSegmentBytesMax);
    options.dead.min_free_bytes = config.spool.min_free_bytes;
    options.dead.direct_io_required = config.spool.direct_io_required;
    options.scheduler = {.in_flight_max = limits::delivery_in_flight_max,
                         .octets_max = config.delivery.window_bytes,
                         .known_max = limits::delivery_known_max,
                         .ready_max = limits::delivery_ready_max,
                         .waiting_domains_max = limits::delivery_waiting_domains_max,
                         .backoff = backoff_of(config.delivery),
                         .hold_ns = config.delivery.hold_s * kNsPerSecond};
    options.age_max_s = config.delivery.age_max_s;
    return options;
}

}  // namespace

void DeliverySetup::LogObserver::event(delivery::Severity severity, std::string_view event,
                                       std::string_view text, std::string_view id) {
    const auto level = severity == delivery::Severity::error     ? admin::LogLevel::error
                       : severity == delivery::Severity::warning ? admin::LogLevel::warning
                                                                 : admin::LogLevel::info;
    const std::lock_guard lock(mutex_);
    if (log_ == nullptr) return;
    if (id.empty()) {
        log_->event(level, event, text);
    } else {
        log_->event(level, event, text, {{"id", id}});
    }
}

void DeliverySetup::LogObserver::close() {
    const std::lock_guard lock(mutex_);
    log_ = nullptr;
}

DeliverySetup::DeliverySetup(const config::StorageConfig& config, const PluginSetup& plugin,
                             storage::spool::Spool& spool, admin::Log& log)
    : config_(config),
      plugin_(plugin),
      spool_(spool),
      observer_(log),
      delivery_(
          drain_options(config),
          [this](std::function<void()> wake) {
              return plugin_.open_target(limits::delivery_in_flight_max, std::move(wake));
          },
          &late_, observer_, spool.report().messages) {}

bool DeliverySetup::stop() {
    const bool ended = delivery_.stop(kEndWaitNs);
    observer_.close();
    return ended;
}

Result<std::unique_ptr<storage::Backend>> DeliverySetup::open_spool_backend(unsigned shard, ring::Ring& ring,
                                                                            storage::StoreSink& sink) {
    Listener* listener = nullptr;
    {
        const std::lock_guard lock(mutex_);
        listener = &listeners_.emplace_back(sink, delivery_.add_source());
    }
    return storage::spool::make_spool_backend(spool_, shard, ring, *listener);
}

Result<std::unique_ptr<storage::Backend>> DeliverySetup::open_fallback(unsigned shard, ring::Ring& ring,
                                                                       storage::StoreSink& sink) {
    delivery::FallbackCounters* counters = nullptr;
    {
        const std::lock_guard lock(mutex_);
        counters = &fallbacks_.emplace_back();
    }
    const delivery::FallbackOptions options{.after_ns = config_.fallback_after_s * kNsPerSecond,
                                            .window_bytes = config_.delivery.window_bytes,
                                            .probe = backoff_of(config_.delivery)};
    auto made = delivery::FallbackBackend::open(
        options, ring, sink,
        [this](std::function<void()> wake) {
            return plugin_.open_target(limits::fallback_in_flight_max, std::move(wake));
        },
        [&](storage::StoreSink& inner) {
            return storage::spool::make_spool_backend(spool_, shard, ring, inner);
        },
        late_, &delivery_.add_source(), *counters);
    if (!made) return made.error();
    return std::unique_ptr<storage::Backend>(std::move(*made));
}

void DeliverySetup::fill(admin::StorageStatus& status) const {
    const delivery::DeliveryCounts counts = delivery_.counts();
    admin::DeliveryCounters sum;
    sum.backlog_messages = counts.backlog_messages;
    sum.oldest_age_s = counts.oldest_age_s;
    sum.in_flight = counts.in_flight;
    sum.octets_in_flight = counts.octets_in_flight;
    sum.waiting_domains = counts.waiting_domains;
    sum.delivered = counts.delivered;
    sum.retries = counts.retries;
    sum.dead = counts.dead;
    const std::lock_guard lock(mutex_);
    for (const delivery::FallbackCounters& fallback : fallbacks_) {
        sum.spilled += fallback.spilled.load(std::memory_order_relaxed);
        sum.spilled_slow += fallback.slow.load(std::memory_order_relaxed);
        sum.spilled_untried += fallback.passed_by.load(std::memory_order_relaxed);
        sum.fallback_tried += fallback.tried.load(std::memory_order_relaxed);
        sum.fallback_away += fallback.away.load(std::memory_order_relaxed);
    }
    status.delivery = sum;
}

}  // namespace ringmx::server
