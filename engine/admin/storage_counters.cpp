#include "admin/storage_counters.hpp"

#include "admin/json.hpp"

namespace ringmx::admin {
namespace {

template <typename Counters>
struct Info {
    std::string_view name;
    bool present_value;
    std::uint64_t Counters::*member;
    std::string_view help;
};

using P = PluginCounters;
constexpr Info<P> kTable[] = {
    {"plugin_submitted", false, &P::submitted, "messages given to the plugin"},
    {"plugin_stored", false, &P::stored, "completions `stored`"},
    {"plugin_retried", false, &P::retried, "completions `retry`, and messages that were left at its close"},
    {"plugin_rejected", false, &P::rejected, "completions `reject`"},
    {"plugin_in_flight", true, &P::in_flight, "messages that the plugin has and has not completed"},
    {"plugin_false_completions", false, &P::false_completions,
     "completions of what was completed before, or was never submitted; they are logged and do nothing"},
};
static_assert(sizeof(PluginCounters) == std::size(kTable) * sizeof(std::uint64_t),
              "every counter stands in the table");

using D = DeliveryCounters;
constexpr Info<D> kDeliveryTable[] = {
    {"delivery_backlog_messages", true, &D::backlog_messages,
     "messages in the spool that are not yet delivered"},
    {"delivery_oldest_age_s", true, &D::oldest_age_s, "seconds since the oldest of these was received"},
    {"delivery_in_flight", true, &D::in_flight, "messages under way to the plugin"},
    {"delivery_octets_in_flight", true, &D::octets_in_flight, "octets of these"},
    {"delivery_waiting_domains", true, &D::waiting_domains, "domains whose mail waits for another attempt"},
    {"delivery_delivered", false, &D::delivered, "messages delivered from the spool"},
    {"delivery_retries", false, &D::retries, "attempts that were answered retry, or failed"},
    {"delivery_dead", false, &D::dead, "messages that became dead letters"},
    {"spilled", false, &D::spilled, "messages that the fallback gave to the spool"},
    {"spilled_slow", false, &D::spilled_slow, "of these, because the backend took too long"},
    {"spilled_untried", false, &D::spilled_untried,
     "of these, without an attempt: the backend was away, or there was no room"},
    {"fallback_tried", true, &D::fallback_tried,
     "messages whose copies the backend has, spilled ones included"},
    {"fallback_away", true, &D::fallback_away, "workers that take the backend for away"},
};
static_assert(sizeof(DeliveryCounters) == std::size(kDeliveryTable) * sizeof(std::uint64_t),
              "every counter stands in the table");

template <typename Table>
void append_rows(std::string& out, const Table& table) {
    for (const auto& info : table) {
        out.append("| `").append(info.name).append("` | ");
        out.append(info.present_value ? "present value" : "count").append(" | ");
        out.append(info.help).append(" |\n");
    }
}

}  // namespace

std::string storage_json(const StorageStatus& status) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.text("backend", status.backend);
    json.text("durability", status.durability);
    json.begin_object("counters");
    for (const auto& [name, value] : storage_counters(status))
        json.number(name, value);
    json.end_object();
    json.end_object();
    return out;
}

std::vector<std::pair<std::string, std::uint64_t>> storage_counters(const StorageStatus& status) {
    std::vector<std::pair<std::string, std::uint64_t>> counters;
    if (status.plugin) {
        for (const auto& info : kTable)
            counters.emplace_back(info.name, (*status.plugin).*info.member);
    }
    if (status.delivery) {
        for (const auto& info : kDeliveryTable)
            counters.emplace_back(info.name, (*status.delivery).*info.member);
    }
    counters.insert(counters.end(), status.own.begin(), status.own.end());
    return counters;
}

std::string storage_counters_markdown() {
    std::string out = "| Counter | Kind | Meaning |\n| --- | --- | --- |\n";
    append_rows(out, kTable);
    append_rows(out, kDeliveryTable);
    out += "| `BACKEND.NAME` | count | a counter of the plugin's own, under the backend's name |\n";
    return out;
}

}  // namespace ringmx::admin
