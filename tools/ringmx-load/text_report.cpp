// The summary for a person.
#include <fmt/format.h>

#include "result.hpp"

namespace ringmx::load {
namespace {

void append_latencies(std::string& out, const Phases& phases) {
    out += fmt::format("\n{:<10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "latency ms", "p50", "p90", "p99",
                       "p99.9", "max", "count");
    for (std::size_t i = 0; i < kPhases; ++i) {
        const Histogram& histogram = phases.of[i];
        if (histogram.count() == 0) continue;
        const auto ms = [&](double share) { return static_cast<double>(histogram.at(share)) / 1e6; };
        out += fmt::format("{:<10}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.3f}{:>10}\n",
                           name_of(static_cast<Phase>(i)), ms(0.5), ms(0.9), ms(0.99), ms(0.999), ms(1),
                           histogram.count());
    }
}

void append_codes(std::string& out, const Counters& counters) {
    std::string codes;
    for (std::size_t code = 0; code < kCodes; ++code) {
        if (counters.replies[code] > 0) codes += fmt::format("  {} × {}", code, counters.replies[code]);
    }
    std::string failures;
    for (std::size_t i = 0; i < kFailures; ++i) {
        if (counters.failures[i] == 0) continue;
        failures += fmt::format("  {} × {}", name_of(static_cast<Failure>(i)), counters.failures[i]);
    }
    out += "\nreplies  " + (codes.empty() ? "  none" : codes);
    out += "\nerrors   " + (failures.empty() ? "  none" : failures) + "\n";
    for (std::size_t i = 0; i < kKinds; ++i) {
        const HardCounters& hard = counters.hard[i];
        if (hard.connections == 0) continue;
        out += fmt::format("{:<13} {} connections, {} messages begun, {} acknowledged, {} cut off\n",
                           name_of(static_cast<Kind>(i)), hard.connections, hard.messages, hard.acknowledged,
                           hard.cut_off);
    }
}

}  // namespace

std::string text_report(const Options& options, const RunResult& result) {
    const Counters& counters = result.counters;
    std::string out = fmt::format("server         {}  ({})\n", options.target.text, result.server);
    const std::string work =
        options.rate > 0 ? fmt::format("{:g} messages/s due", options.rate) : "closed loop";
    out += fmt::format("load           {}, {}, {} connections, {} threads\n", result.mode, work,
                       options.connections, result.threads.size());
    if (options.tls != Tls::off) {
        out += fmt::format("tls            {}, {}, {} full and {} resumed handshakes\n", name_of(options.tls),
                           result.tls_parameters.empty() ? "none" : result.tls_parameters, counters.tls_full,
                           counters.tls_resumed);
    }
    out += fmt::format("acknowledged   {} of {}", counters.acknowledged,
                       counters.attempted + counters.never_sent);
    const auto rest = [&](const char* name, std::uint64_t count) {
        if (count > 0) out += fmt::format(", {} {}", count, name);
    };
    rest("rejected with 4xx", counters.rejected_4xx);
    rest("rejected with 5xx", counters.rejected_5xx);
    rest("lost with their connection", counters.failed);
    rest("unanswered", counters.unfinished);
    rest("never sent", counters.never_sent);
    rest("recipients refused", counters.recipients_refused);
    out += fmt::format("\nmessages/s     {:.0f} over {:.2f} s\nmail data      {:.2f} MB/s\n",
                       result.messages_per_s(), result.window_s, result.octets_per_s() / 1e6);
    out += fmt::format(
        "generator      {:.0f} % busy, {:.2f} µs of CPU per message, {:.2f} enters per message\n",
        100 * result.generator_busy(), result.generator_cpu_us(),
        counters.in_window > 0 ? static_cast<double>(result.enters) / static_cast<double>(counters.in_window)
                               : 0.0);
    if (const auto us = result.server_cpu_us()) {
        out +=
            fmt::format("server's CPU   {:.2f} µs per message, {:.2f} s in all\n", *us, *result.server_cpu_s);
    }
    append_latencies(out, result.phases);
    append_codes(out, counters);
    for (const std::string& remark : result.remarks)
        out += "note: " + remark + "\n";
    if (!result.error.empty()) out += "given up: " + result.error + "\n";
    return out;
}

}  // namespace ringmx::load
