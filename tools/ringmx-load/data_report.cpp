// The reports for programs: JSON, and the time series as CSV.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "result.hpp"

namespace ringmx::load {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, double> kShares[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};

double us(std::int64_t ns) {
    return static_cast<double>(ns) / 1e3;
}

Json latencies(const Phases& phases) {
    Json all = Json::object();
    for (std::size_t i = 0; i < kPhases; ++i) {
        const Histogram& histogram = phases.of[i];
        if (histogram.count() == 0) continue;
        Json one = {{"count", histogram.count()},
                    {"mean", histogram.mean_ns() / 1e3},
                    {"min", us(histogram.min_ns())}};
        for (const auto& [name, share] : kShares)
            one[name] = us(histogram.at(share));
        one["max"] = us(histogram.max_ns());
        all[std::string(name_of(static_cast<Phase>(i)))] = std::move(one);
    }
    return all;
}

Json hard_clients(const Counters& counters) {
    Json all = Json::object();
    for (std::size_t i = 0; i < kKinds; ++i) {
        const HardCounters& hard = counters.hard[i];
        if (hard.connections == 0) continue;
        all[std::string(name_of(static_cast<Kind>(i)))] = {{"connections", hard.connections},
                                                           {"messages", hard.messages},
                                                           {"acknowledged", hard.acknowledged},
                                                           {"cut_off", hard.cut_off}};
    }
    return all;
}

Json messages(const Counters& counters) {
    return {{"attempted", counters.attempted},
            {"acknowledged", counters.acknowledged},
            {"rejected_4xx", counters.rejected_4xx},
            {"rejected_5xx", counters.rejected_5xx},
            {"failed", counters.failed},
            {"unfinished", counters.unfinished},
            {"never_sent", counters.never_sent},
            {"recipients_refused", counters.recipients_refused},
            {"acknowledged_in_window", counters.in_window}};
}

Json tls(const Options& options, const RunResult& result) {
    if (options.tls == Tls::off) return nullptr;
    const std::string& both = result.tls_parameters;
    const std::size_t space = std::min(both.find(' '), both.size());
    return {{"mode", name_of(options.tls)},
            {"version", both.substr(0, space)},
            {"cipher", both.substr(std::min(space + 1, both.size()))},
            {"full_handshakes", result.counters.tls_full},
            {"resumed_handshakes", result.counters.tls_resumed},
            {"errors", result.tls_failures()}};
}

}  // namespace

std::string json_report(const Options& options, const RunResult& result) {
    const Counters& counters = result.counters;
    Json replies = Json::object();
    for (std::size_t code = 0; code < kCodes; ++code) {
        if (counters.replies[code] > 0) replies[std::to_string(code)] = counters.replies[code];
    }
    Json failures = Json::object();
    for (std::size_t i = 0; i < kFailures; ++i) {
        if (counters.failures[i] > 0)
            failures[std::string(name_of(static_cast<Failure>(i)))] = counters.failures[i];
    }
    Json out = {{"target", options.target.text},
                {"server", result.server},
                {"command", result.command},
                {"started_unix_s", result.started_unix_s},
                {"mode", result.mode},
                {"rate", options.rate > 0 ? Json(options.rate) : Json(nullptr)},
                {"connections", options.connections},
                {"threads", result.threads.size()},
                {"window_s", result.window_s},
                {"messages", messages(counters)},
                {"messages_per_second", result.messages_per_s()},
                {"octets_per_second", result.octets_per_s()},
                {"connections_opened", counters.connections},
                {"tls", tls(options, result)},
                {"replies", std::move(replies)},
                {"errors", std::move(failures)},
                {"hard_clients", hard_clients(counters)},
                {"latency_us", latencies(result.phases)},
                {"generator",
                 {{"busy", result.generator_busy()},
                  {"queued", result.generator_queued()},
                  {"cpu_us_per_message", result.generator_cpu_us()},
                  {"enters", result.enters}}}};
    if (const auto cpu = result.server_cpu_us()) {
        out["server_cpu"] = {{"us_per_message", *cpu}, {"seconds", *result.server_cpu_s}};
    }
    out["remarks"] = result.remarks;
    out["error"] = result.error.empty() ? Json(nullptr) : Json(result.error);
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_report(const RunResult& result) {
    std::string out =
        "second,acknowledged,octets,not_acknowledged,errors,p50_us,p99_us,max_us,"
        "tls_full,tls_resumed,tls_errors,tls_p50_us,tls_p99_us,tls_max_us\n";
    for (const Second& second : result.seconds) {
        out +=
            fmt::format("{},{},{},{},{},{:.0f},{:.0f},{:.0f},", second.number, second.acknowledged,
                        second.octets, second.not_acknowledged, second.failures, us(second.latency.at(0.5)),
                        us(second.latency.at(0.99)), us(second.latency.max_ns()));
        out += fmt::format("{},{},{},{:.0f},{:.0f},{:.0f}\n", second.tls_full, second.tls_resumed,
                           second.tls_failures, us(second.tls.at(0.5)), us(second.tls.at(0.99)),
                           us(second.tls.max_ns()));
    }
    return out;
}

}  // namespace ringmx::load
