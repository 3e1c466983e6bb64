// Counters of storage that belong to no core: those of plugins and of deliveries. One table gives each its
// name and its meaning, for status answers and for docs/operations.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringmx::admin {

// Of all instances of a plugin together.
struct PluginCounters {
    std::uint64_t submitted = 0;
    std::uint64_t stored = 0;
    std::uint64_t retried = 0;
    std::uint64_t rejected = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t false_completions = 0;
};

// Of the delivery of a spool, and of the fallbacks in front of it.
struct DeliveryCounters {
    std::uint64_t backlog_messages = 0;
    std::uint64_t oldest_age_s = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t octets_in_flight = 0;
    std::uint64_t waiting_domains = 0;
    std::uint64_t delivered = 0;
    std::uint64_t retries = 0;
    std::uint64_t dead = 0;
    std::uint64_t spilled = 0;
    std::uint64_t spilled_slow = 0;
    std::uint64_t spilled_untried = 0;
    std::uint64_t fallback_tried = 0;
    std::uint64_t fallback_away = 0;
};

struct StorageStatus {
    std::string_view backend;
    std::string_view durability;
    std::optional<PluginCounters> plugin{};                    // if the backend is one
    std::optional<DeliveryCounters> delivery{};                // if the spool is delivered
    std::vector<std::pair<std::string, std::uint64_t>> own{};  // the plugin's own counters, by "BACKEND.NAME"
};

// One JSON object: {"backend":"lmtp","durability":"machine","counters":{"plugin_submitted":1,...}}.
std::string storage_json(const StorageStatus& status);

// Its counters as names and numbers.
std::vector<std::pair<std::string, std::uint64_t>> storage_counters(const StorageStatus& status);

// The table in Markdown, for docs/operations.md.
std::string storage_counters_markdown();

}  // namespace ringmx::admin
