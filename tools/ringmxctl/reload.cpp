// `ringmxctl reload`: what SIGHUP does, over the server's socket.
#include "commands.hpp"

namespace ringmx::ctl {

ExitCode reload(const ServerSocket& socket) {
    ExitCode code = ExitCode::ok;
    const auto answer = ask_server(socket, "reload", code);
    if (!answer) return code;
    if (*answer == "{\"reload\":\"begun\"}") return ExitCode::ok;
    complain("the server does not reload: " + *answer);
    return ExitCode::failed;
}

}  // namespace ringmx::ctl
