// What a run found, added up over its threads, and its reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "options.hpp"
#include "plan.hpp"
#include "stats.hpp"
#include "thread_clock.hpp"

namespace ringmx::load {

struct RunResult {
    std::string server;          // its greeting
    std::string command;         // our command line
    std::string mode;            // as it was, after what the server cannot do
    std::string tls_parameters;  // version and cipher of a handshake; empty: none succeeded, or no TLS
    std::int64_t started_unix_s = 0;
    double window_s = 0;      // what messages/s refer to
    double load_start_s = 0;  // of the window, after the start of the load
    Counters counters;
    Phases phases;
    std::vector<Second> seconds;
    std::vector<ThreadTime> threads;  // of the generator, within the window
    std::uint64_t enters = 0;         // io_uring_enter calls within the window
    std::optional<double> server_cpu_s;
    std::string error;                 // why the run was given up; empty: it was not
    std::vector<std::string> remarks;  // to be read with the figures

    double messages_per_s() const {
        return window_s > 0 ? static_cast<double>(counters.in_window) / window_s : 0;
    }
    double octets_per_s() const { return window_s > 0 ? static_cast<double>(counters.octets) / window_s : 0; }
    double generator_busy() const;    // the busiest thread's share of the window on a CPU
    double generator_queued() const;  // the worst thread's share of waiting for a CPU
    double generator_cpu_us() const;  // per acknowledged message
    std::optional<double> server_cpu_us() const;
    std::uint64_t tls_failures() const;
    // Every message that was attempted got its 250, and nothing else went wrong.
    bool all_acknowledged() const;
};

// Adds what makes the figures less than they seem: a generator at its limit, messages that never left.
void add_warnings(RunResult& result);

// A summary for a person.
std::string text_report(const Options& options, const RunResult& result);
// One object; docs/load.md lists its members.
std::string json_report(const Options& options, const RunResult& result);
// One line per second, with a head line.
std::string csv_report(const RunResult& result);
// One self-contained page: no script, nothing from elsewhere.
std::string html_report(const Options& options, const RunResult& result);

}  // namespace ringmx::load
