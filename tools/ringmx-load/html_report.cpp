// The report page: throughput over time, latency over time, latency by percentile, and the tables behind
// them.
#include <cmath>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "result.hpp"
#include "svg_plot.hpp"

namespace ringmx::load {
namespace {

constexpr const char* kColours[] = {"#8c6d31", "#17becf", "#7f7f7f", "#9467bd",
                                    "#2ca02c", "#1f77b4", "#d62728"};

constexpr const char* kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse;margin:.5em 0}"
    "th,td{padding:.25em .8em;border-bottom:1px solid #ddd;text-align:right}th:first-child,td:first-child"
    "{text-align:left}svg{width:100%;height:auto;font:12px "
    "system-ui,sans-serif;fill:#333}.grid{stroke:#e4e4e4}"
    ".shade{fill:#f3f3f3}.name{fill:#666}code{background:#f3f3f3;padding:.1em .3em}.big{font-size:1.2em}"
    ".note{background:#fff6dd;border-left:4px solid #e6b800;padding:.4em .8em;margin:.4em 0}";

std::string throughput_plot(const RunResult& result) {
    Plot plot;
    plot.x_name = "seconds since the start of the load";
    plot.y_name = "messages a second";
    plot.shaded_to = result.load_start_s;
    PlotLine acknowledged{"acknowledged", kColours[4], {}};
    PlotLine others{"not acknowledged", kColours[5], {}};
    bool any_others = false;
    // The last second is not a whole one: it is drawn only when there is no other.
    const std::size_t whole = result.seconds.size() > 1 ? result.seconds.size() - 1 : result.seconds.size();
    for (std::size_t i = 0; i < whole; ++i) {
        const Second& second = result.seconds[i];
        const double at = static_cast<double>(second.number) + 0.5;
        acknowledged.points.emplace_back(at, static_cast<double>(second.acknowledged));
        others.points.emplace_back(at, static_cast<double>(second.not_acknowledged));
        any_others = any_others || second.not_acknowledged > 0;
    }
    plot.x_max = std::max(1.0, static_cast<double>(whole));
    plot.lines.push_back(std::move(acknowledged));
    if (any_others) plot.lines.push_back(std::move(others));
    return svg_plot(plot);
}

std::string latency_over_time_plot(const RunResult& result) {
    Plot plot;
    plot.x_name = "seconds since the start of the load";
    plot.y_name = "ms from begin to 250";
    plot.y_log = true;
    plot.shaded_to = result.load_start_s;
    plot.lines = {{"p50", kColours[3], {}}, {"p99", kColours[4], {}}, {"max", kColours[5], {}}};
    for (const Second& second : result.seconds) {
        if (second.latency.count() == 0) continue;
        const double at = static_cast<double>(second.number) + 0.5;
        plot.lines[0].points.emplace_back(at, static_cast<double>(second.latency.at(0.5)) / 1e6);
        plot.lines[1].points.emplace_back(at, static_cast<double>(second.latency.at(0.99)) / 1e6);
        plot.lines[2].points.emplace_back(at, static_cast<double>(second.latency.max_ns()) / 1e6);
    }
    plot.x_max = std::max(1.0, static_cast<double>(result.seconds.size()));
    return svg_plot(plot);
}

// The x axis counts nines: 0 is the minimum, 1 is 90 %, 2 is 99 %...
std::string percentile_plot(const RunResult& result) {
    Plot plot;
    plot.x_name = "percentile";
    plot.y_name = "ms";
    plot.y_log = true;
    plot.x_max = 5;
    plot.x_ticks = {{0, "0"},    {0.30103, "50"}, {1, "90"},    {2, "99"},
                    {3, "99.9"}, {4, "99.99"},    {5, "99.999"}};
    for (std::size_t i = 0; i < kPhases; ++i) {
        const Histogram& histogram = result.phases.of[i];
        if (histogram.count() == 0) continue;
        PlotLine line{std::string(name_of(static_cast<Phase>(i))), kColours[i], {}};
        // No further than the recorded values reach: 100 of them say nothing about 99.9 %.
        const double nines = std::min(5.0, std::log10(static_cast<double>(histogram.count()) + 1));
        for (double at = 0; at <= nines + 1e-9; at += 0.05) {
            line.points.emplace_back(at, static_cast<double>(histogram.at(1 - std::pow(10.0, -at))) / 1e6);
        }
        plot.lines.push_back(std::move(line));
    }
    return svg_plot(plot);
}

std::string latency_table(const Phases& phases) {
    std::string out =
        "<table><tr><th>phase, ms</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th>"
        "<th>count</th></tr>";
    for (std::size_t i = 0; i < kPhases; ++i) {
        const Histogram& histogram = phases.of[i];
        if (histogram.count() == 0) continue;
        out += fmt::format("<tr><td>{}</td>", name_of(static_cast<Phase>(i)));
        for (const double share : {0.5, 0.9, 0.99, 0.999, 1.0})
            out += fmt::format("<td>{:.3f}</td>", static_cast<double>(histogram.at(share)) / 1e6);
        out += fmt::format("<td>{}</td></tr>", histogram.count());
    }
    return out + "</table>\n";
}

std::string row(const char* name, const std::string& value) {
    return fmt::format("<tr><td>{}</td><td>{}</td></tr>", name, html_escaped(value));
}

std::string main_table(const Options& options, const RunResult& result) {
    const Counters& counters = result.counters;
    std::string out = "<table class='big'>";
    out += row("messages/s", fmt::format("{:.0f}", result.messages_per_s()));
    out += row("mail data", fmt::format("{:.2f} MB/s", result.octets_per_s() / 1e6));
    out += row("acknowledged",
               fmt::format("{} of {}", counters.acknowledged, counters.attempted + counters.never_sent));
    if (const auto us = result.server_cpu_us())
        out += row("server's CPU per message", fmt::format("{:.2f} µs", *us));
    out += "</table><table>";
    out += row("server", options.target.text + " (" + result.server + ")");
    out += row("load", result.mode + (options.rate > 0 ? fmt::format(", {:g} messages/s due", options.rate)
                                                       : std::string(", closed loop")));
    if (options.tls != Tls::off) {
        out += row("TLS", fmt::format("{}, {}", name_of(options.tls),
                                      result.tls_parameters.empty() ? "none" : result.tls_parameters));
    }
    out += row("connections", std::to_string(options.connections));
    out += row("mails", options.corpus.empty() ? options.size : options.corpus);
    out += row("window", fmt::format("{:.2f} s", result.window_s));
    out += row("generator",
               fmt::format("{} threads, busiest {:.0f} % on a CPU, {:.2f} µs per message",
                           result.threads.size(), 100 * result.generator_busy(), result.generator_cpu_us()));
    return out + "</table>\n";
}

std::string outcome_table(const Counters& counters) {
    std::string out = "<table><tr><th>outcome</th><th>count</th></tr>";
    const auto line = [&out](const std::string& name, std::uint64_t count) {
        if (count > 0) out += fmt::format("<tr><td>{}</td><td>{}</td></tr>", name, count);
    };
    line("messages acknowledged", counters.acknowledged);
    line("rejected with 4xx", counters.rejected_4xx);
    line("rejected with 5xx", counters.rejected_5xx);
    line("lost with their connection", counters.failed);
    line("unanswered at the end", counters.unfinished);
    line("due and never sent", counters.never_sent);
    line("recipients refused", counters.recipients_refused);
    line("connections opened", counters.connections);
    line("full TLS handshakes", counters.tls_full);
    line("resumed TLS handshakes", counters.tls_resumed);
    for (std::size_t code = 0; code < kCodes; ++code)
        line(fmt::format("replies with {}", code), counters.replies[code]);
    for (std::size_t i = 0; i < kFailures; ++i)
        line(fmt::format("error: {}", name_of(static_cast<Failure>(i))), counters.failures[i]);
    for (std::size_t i = 0; i < kKinds; ++i) {
        const std::string name(name_of(static_cast<Kind>(i)));
        line(name + ": connections", counters.hard[i].connections);
        line(name + ": acknowledged", counters.hard[i].acknowledged);
        line(name + ": cut off by the server", counters.hard[i].cut_off);
    }
    return out + "</table>\n";
}

}  // namespace

std::string html_report(const Options& options, const RunResult& result) {
    const std::string title = html_escaped("ringmx-load: " + options.target.text);
    std::string out = fmt::format(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{0}</title>"
        "<style>{1}</style></head><body>\n<h1>{0}</h1>\n",
        title, kStyle);
    out += fmt::format("<p>{:%Y-%m-%d %H:%M:%S} UTC &nbsp; <code>{}</code></p>\n",
                       fmt::gmtime(static_cast<std::time_t>(result.started_unix_s)),
                       html_escaped(result.command));
    for (const std::string& remark : result.remarks)
        out += "<p class='note'>" + html_escaped(remark) + "</p>\n";
    if (!result.error.empty()) out += "<p class='note'>Given up: " + html_escaped(result.error) + "</p>\n";
    out += main_table(options, result);
    out += "<h2>Throughput over time</h2>\n" + throughput_plot(result);
    out += "<h2>Latency over time</h2>\n" + latency_over_time_plot(result);
    out += "<h2>Latency by percentile</h2>\n" + percentile_plot(result) + latency_table(result.phases);
    out += "<h2>Outcomes</h2>\n" + outcome_table(result.counters);
    return out + "</body></html>\n";
}

}  // namespace ringmx::load
