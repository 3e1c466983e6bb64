// Requests to a running server, over its socket.
#include <cerrno>

#include "admin/status.hpp"
#include "commands.hpp"
#include "config/config.hpp"

namespace ringmx::ctl {

namespace {

// The path of --socket, or of the configuration.
Result<std::string> path_of(const ServerSocket& socket) {
    if (!socket.path.empty()) return socket.path;
    const std::string file = socket.config.empty() ? "/etc/ringmx/ringmx.toml" : socket.config;
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

std::optional<std::string> ask_server(const ServerSocket& socket, std::string_view request, ExitCode& code) {
    const Result<std::string> path = path_of(socket);
    if (!path) {
        complain(path.error().message);
        code = ExitCode::config;
        return std::nullopt;
    }
    const Result<std::string> answer = admin::ask(*path, request);
    if (!answer) {
        complain(explain(answer.error()));
        code = ExitCode::failed;
        return std::nullopt;
    }
    return *answer;
}

}  // namespace ringmx::ctl
