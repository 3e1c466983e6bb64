// `ringmx check`: everything about a configuration that can be told without starting.
#include <cstdio>

#include <sys/resource.h>

#include "commands.hpp"
#include "config/keys.hpp"
#include "server/memory_budget.hpp"
#include "server/recipients_setup.hpp"
#include "server/tls_setup.hpp"

namespace ringmx::tools {

namespace {

void print_effective(const config::Config& config) {
    std::string_view section;
    for (const config::Key& key : config::keys()) {
        const std::size_t dot = key.name.rfind('.');
        if (key.name.substr(0, dot) != section) {
            std::printf("%s[%s]\n", section.empty() ? "" : "\n",
                        std::string(key.name.substr(0, dot)).c_str());
            section = key.name.substr(0, dot);
        }
        // An absent path means something that no path says; an absent durability is not a demand.
        const std::string value = config::value_text(key, config);
        const bool absent =
            value == "\"\"" || (key.name == "storage.durability" && !config.storage.durability_set);
        std::printf("%s%s = %s\n", absent ? "#" : "", std::string(key.name.substr(dot + 1)).c_str(),
                    value.c_str());
    }
}

std::uint64_t file_limit() {
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : 0;
}

// What only a start would find: the recipients and the division of the memory.
Status check_deeper(const config::Config& config) {
    if (const Status recipients = server::check_recipients(config.accept); !recipients) return recipients;
    const auto budget =
        server::divide_memory(config.server, config::cores_in_use(config), file_limit(),
                              server::storage_bytes(config.storage), !config.tls.certificates.empty());
    if (!budget) return budget.error();
    return ok_status();
}

}  // namespace

ExitCode check(const CheckOptions& options) {
    if (options.print_keys) {
        std::fputs(config::markdown_tables().c_str(), stdout);
        return ExitCode::ok;
    }
    const Result<config::Config> config = config::load_file(options.config_path);
    if (!config) {
        complain(config.error().message);
        return ExitCode::config;
    }
    if (const Status status = check_deeper(*config); !status) {
        complain(options.config_path + ": " + status.error().message);
        return ExitCode::config;
    }
    const auto certificates = server::check_certificates(config->tls, config->server.hostname);
    if (!certificates) {
        complain(options.config_path + ": " + certificates.error().message);
        return ExitCode::config;
    }
    if (options.print) print_effective(*config);
    for (const std::string& warning : config::warnings(*config))
        complain("warning: " + warning);
    for (const std::string& warning : *certificates)
        complain("warning: " + warning);
    if (!options.print) std::printf("%s: good\n", options.config_path.c_str());
    return ExitCode::ok;
}

}  // namespace ringmx::tools
