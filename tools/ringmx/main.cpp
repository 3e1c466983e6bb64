// ringmx: the server program. This file reads the command line; each command has its own file.
#include <CLI/CLI.hpp>

#include "commands.hpp"

namespace {

using ringmx::tools::CheckOptions;
using ringmx::tools::ExitCode;

constexpr const char* kAbout =
    "ringmx receives mail (SMTP) over io_uring and answers 250 only when it is kept.\n";

constexpr const char* kFooter =
    "\nExamples:\n"
    "  ringmx serve --config /etc/ringmx/ringmx.toml\n"
    "  ringmx check --config /etc/ringmx/ringmx.toml\n"
    "  ringmx check --print-keys          # every key, with its default and limits\n"
    "  ringmx --version                   # with what this kernel's io_uring can do";

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{kAbout, "ringmx"};
    app.footer(kFooter);
    app.require_subcommand(0, 1);
    bool version = false;
    app.add_flag("--version", version, "Print the version and what the kernel's io_uring can do");

    std::string serve_config;
    CLI::App* const serve =
        app.add_subcommand("serve", "Serve until SIGTERM or SIGINT; SIGHUP reopens the log");
    serve->add_option(
        "-c,--config", serve_config,
        "Configuration file; without it /etc/ringmx/ringmx.toml if that exists, else the defaults");

    CheckOptions check_options;
    CLI::App* const check = app.add_subcommand("check", "Check a configuration without starting anything");
    auto* const check_config =
        check->add_option("-c,--config", check_options.config_path, "Configuration file");
    check->add_flag("--print", check_options.print, "Print the values in effect, as TOML")
        ->needs(check_config);
    check->add_flag("--print-keys", check_options.print_keys, "Print every key with its default and limits")
        ->excludes(check_config);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    if (version) return static_cast<int>(ringmx::tools::print_version());
    if (serve->parsed()) return static_cast<int>(ringmx::tools::serve(serve_config));
    if (check->parsed() && (check_options.print_keys || check_config->count() > 0)) {
        return static_cast<int>(ringmx::tools::check(check_options));
    }
    ringmx::tools::complain(check->parsed() ? "check needs --config FILE or --print-keys"
                                            : "say what to do: serve, check or --version (ringmx --help)");
    return static_cast<int>(ExitCode::usage);
}
