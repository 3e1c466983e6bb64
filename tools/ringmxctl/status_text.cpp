#include "status_text.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringmx::ctl {

namespace {

using Json = nlohmann::ordered_json;  // counters in the order of the server's table

constexpr int kNameColumns = 28;
constexpr int kValueColumns = 16;

std::string value_text(const Json& object, const std::string& name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->dump() : "-";
}

std::string duration_text(std::uint64_t seconds) {
    return fmt::format("{} d {:02}:{:02}:{:02}", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60,
                       seconds % 60);
}

// What belongs to storage and to no core; a server that tells nothing of it has none.
void append_storage(std::string& out, const Json& answer) {
    const auto storage = answer.find("storage");
    if (storage == answer.end() || !storage->is_object()) return;
    const auto counters = storage->find("counters");
    if (counters == storage->end() || !counters->is_object() || counters->empty()) return;
    const auto backend = storage->find("backend");
    const bool named = backend != storage->end() && backend->is_string();
    out += "\nstorage " + (named ? backend->get<std::string>() : std::string("?")) + "\n";
    for (const auto& [name, value] : counters->items()) {
        fmt::format_to(std::back_inserter(out), "{:<{}}{:>{}}\n", name, kNameColumns,
                       value_text(*counters, name), kValueColumns);
    }
}

}  // namespace

Result<std::string> status_table(std::string_view json) {
    const Json answer = Json::parse(json.begin(), json.end(), nullptr, false);
    const bool whole = answer.is_object() && answer.contains("total") && answer["total"].is_object() &&
                       answer.contains("cores") && answer["cores"].is_array();
    if (!whole) return Error{EPROTO, "the server's answer is not a status"};
    const auto text_of = [&](const char* name) {
        const auto found = answer.find(name);
        return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string("?");
    };
    const auto uptime = answer.find("uptime_s");
    std::string out = fmt::format("ringmx {}, up {}\n\n", text_of("version"),
                                  uptime != answer.end() && uptime->is_number_unsigned()
                                      ? duration_text(uptime->get<std::uint64_t>())
                                      : "?");
    auto to = std::back_inserter(out);
    fmt::format_to(to, "{:<{}}{:>{}}", "", kNameColumns, "total", kValueColumns);
    const Json& cores = answer["cores"];
    for (std::size_t i = 0; i < cores.size(); ++i)
        fmt::format_to(to, "{:>{}}", fmt::format("core {}", i), kValueColumns);
    out += '\n';
    for (const auto& [name, value] : answer["total"].items()) {
        fmt::format_to(to, "{:<{}}{:>{}}", name, kNameColumns, value_text(answer["total"], name),
                       kValueColumns);
        for (const Json& core : cores)
            fmt::format_to(to, "{:>{}}", value_text(core, name), kValueColumns);
        out += '\n';
    }
    append_storage(out, answer);
    return out;
}

}  // namespace ringmx::ctl
