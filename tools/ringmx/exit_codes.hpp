// What the exit status of `ringmx` says. docs/operations.md lists the same; a script or a service manager may
// rely on it. Codes from 64 are those of sysexits.h where one fits; those from 80 are ours.
#pragma once

#include "server/engine.hpp"
#include "storage/plugin/crash_guard.hpp"

namespace ringmx::tools {

enum class ExitCode : int {
    ok = 0,       // served and drained, or checked without error
    failed = 1,   // any failure that has no code of its own
    cut_off = 2,  // the drain's deadline cut off connections or messages; nothing acknowledged was lost
    usage = 64,   // EX_USAGE: the command line
    config = 78,  // EX_CONFIG: the configuration
    io_uring_refused = 80,  // the kernel refuses io_uring, or lacks what the server needs
    address_in_use = 81,    // another process listens on one of server.listen
    storage_locked = 82,    // the spool belongs to another process
    no_direct_io = 83,      // the spool's file system has no O_DIRECT
    storage_failed = 84,    // storage could not be opened
};

static_assert(static_cast<int>(ExitCode::storage_failed) == storage::plugin::kCrashExitCode,
              "a plugin that crashes while it is opened is storage that could not be opened");

// The code for an Error of Engine::start.
constexpr ExitCode exit_code_of(int error_code) {
    switch (error_code) {
        case server::start_error::io_uring_refused:
            return ExitCode::io_uring_refused;
        case server::start_error::address_in_use:
            return ExitCode::address_in_use;
        case server::start_error::storage_locked:
            return ExitCode::storage_locked;
        case server::start_error::no_direct_io:
            return ExitCode::no_direct_io;
        case server::start_error::bad_config:
            return ExitCode::config;
        case server::start_error::storage_failed:
            return ExitCode::storage_failed;
        default:
            return ExitCode::failed;
    }
}

}  // namespace ringmx::tools
