// `ringmxctl status`: the counters of a running server.
#include "admin/status.hpp"

#include <cerrno>
#include <cstdio>

#include "admin/counters.hpp"
#include "admin/storage_counters.hpp"
#include "commands.hpp"
#include "config/config.hpp"
#include "status_text.hpp"

namespace ringmx::ctl {

namespace {

// The socket of --socket, or of the configuration.
Result<std::string> socket_of(const StatusOptions& options) {
    if (!options.socket.empty()) return options.socket;
    const std::string file = options.config.empty() ? "/etc/ringmx/ringmx.toml" : options.config;
    const auto config = config::load_file(file);
    if (!config) return config.error();
    if (config->admin.socket.empty()) {
        return Error{0, file + ": admin.socket is not set, so the server has no status socket"};
    }
    return config->admin.socket;
}

std::string explain(const Error& error) {
    if (error.code == ENOENT || error.code == ECONNREFUSED)
        return error.message + ": no server is running there";
    if (error.code == EACCES) return error.message + ": only the server's user may ask";
    return error.message;
}

}  // namespace

ExitCode status(const StatusOptions& options) {
    if (options.describe) {
        std::printf("%s\n%s", admin::counters_markdown().c_str(), admin::storage_counters_markdown().c_str());
        return ExitCode::ok;
    }
    const Result<std::string> socket = socket_of(options);
    if (!socket) {
        complain(socket.error().message);
        return ExitCode::config;
    }
    const Result<std::string> answer = admin::ask(*socket, "status");
    if (!answer) {
        complain(explain(answer.error()));
        return ExitCode::failed;
    }
    if (options.json) {
        std::printf("%s\n", answer->c_str());
        return ExitCode::ok;
    }
    const Result<std::string> table = status_table(*answer);
    if (!table) {
        complain(*socket + ": " + table.error().message);
        return ExitCode::failed;
    }
    std::fputs(table->c_str(), stdout);
    return ExitCode::ok;
}

}  // namespace ringmx::ctl
