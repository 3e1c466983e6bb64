#include "admin/storage_counters.hpp"

#include "admin/json.hpp"

namespace ringmx::admin {
namespace {

struct Info {
    std::string_view name;
    bool present_value;
    std::uint64_t PluginCounters::*member;
    std::string_view help;
};

using P = PluginCounters;
constexpr Info kTable[] = {
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

}  // namespace

std::string storage_json(const StorageStatus& status) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.text("backend", status.backend);
    json.text("durability", status.durability);
    json.begin_object("counters");
    if (status.plugin) {
        for (const Info& info : kTable)
            json.number(info.name, (*status.plugin).*info.member);
    }
    for (const auto& [name, value] : status.own)
        json.number(name, value);
    json.end_object();
    json.end_object();
    return out;
}

std::string storage_counters_markdown() {
    std::string out = "| Counter | Kind | Meaning |\n| --- | --- | --- |\n";
    for (const Info& info : kTable) {
        out.append("| `").append(info.name).append("` | ");
        out.append(info.present_value ? "present value" : "count").append(" | ");
        out.append(info.help).append(" |\n");
    }
    out += "| `BACKEND.NAME` | count | a counter of the plugin's own, under the backend's name |\n";
    return out;
}

}  // namespace ringmx::admin
