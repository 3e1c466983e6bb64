// The commands of `ringmx`. Each prints for a person: answers to standard output, complaints to standard
// error.
#pragma once

#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "exit_codes.hpp"

namespace ringmx::tools {

// Where `ringmx serve` looks without --config.
constexpr const char* kDefaultConfigPath = "/etc/ringmx/ringmx.toml";

// The configuration of a file; with an empty path that of kDefaultConfigPath if it exists, else the defaults.
Result<config::Config> load_config(const std::string& path);
// Prints every line of an error with the program's name in front.
void complain(const std::string& message);

ExitCode serve(const std::string& config_path);

struct CheckOptions {
    std::string config_path;
    bool print = false;       // the values in effect, as TOML
    bool print_keys = false;  // the tables of docs/configuration.md
};
ExitCode check(const CheckOptions& options);

ExitCode print_version();

}  // namespace ringmx::tools
