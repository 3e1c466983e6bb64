// `ringmx-load HOST:PORT`: one whole run.
#pragma once

#include <string>

#include "options.hpp"

namespace ringmx::load {

// docs/load.md lists the same.
enum class ExitCode : int {
    ok = 0,       // every message got its 250
    failed = 1,   // could not begin, was given up, or could not write a report
    not_all = 2,  // ran to its end, and some messages or connections failed
    usage = 64,   // EX_USAGE
};

void complain(const std::string& message);

// Probes the server, runs the load, prints and writes the reports. `command` is our command line, for them.
ExitCode run_load(Options options, const std::string& command);

}  // namespace ringmx::load
