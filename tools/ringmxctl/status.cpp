// `ringmxctl status`: the counters of a running server.
#include <cstdio>

#include "admin/counters.hpp"
#include "admin/storage_counters.hpp"
#include "commands.hpp"
#include "status_text.hpp"

namespace ringmx::ctl {

ExitCode status(const StatusOptions& options) {
    if (options.describe) {
        std::printf("%s\n%s", admin::counters_markdown().c_str(), admin::storage_counters_markdown().c_str());
        return ExitCode::ok;
    }
    ExitCode code = ExitCode::ok;
    const auto answer = ask_server(options.socket, "status", code);
    if (!answer) return code;
    if (options.json) {
        std::printf("%s\n", answer->c_str());
        return ExitCode::ok;
    }
    const Result<std::string> table = status_table(*answer);
    if (!table) {
        complain("the server's answer: " + table.error().message);
        return ExitCode::failed;
    }
    std::fputs(table->c_str(), stdout);
    return ExitCode::ok;
}

}  // namespace ringmx::ctl
