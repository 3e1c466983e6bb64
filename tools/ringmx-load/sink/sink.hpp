// `ringmx-load sink`: the floor, the server that all others are measured against.
#pragma once

#include <string>

namespace ringmx::floor {

// Serves on `endpoint` (ADDRESS:PORT, IPv4) until a signal ends the process. With `durable_path`, each body
// is on disk there before its 250. Errors end the process with a message and status 1. Port 0 takes a free
// one; the address in use is printed on standard output.
[[noreturn]] void serve(const std::string& endpoint, const std::string& durable_path);

}  // namespace ringmx::floor
