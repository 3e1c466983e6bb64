// Landlock (landlock(7)): the paths that this process, its threads to come and its children can still open.
// Connecting and binding TCP sockets can be taken away with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace ringmx::confine {

enum class Access : std::uint8_t {
    read,   // files and listings, and code to be loaded
    write,  // that, and whatever changes what is below, but for devices
};

struct PathRule {
    std::string path;  // what does not exist is passed over: it grants nothing
    Access access = Access::read;
};

struct NetworkRule {
    bool connect = true;  // TCP, to anywhere
    bool bind = false;    // TCP
};

// The version of Landlock's interface that the running kernel has; 0: none, or it is switched off.
int landlock_version();

// The calling thread and those it starts from here on: call it while there is no other. Needs
// no_new_privileges(). For good. Returns what of it this kernel enforces, for people: "paths", "paths and
// TCP"; ENOSYS or EOPNOTSUPP where it has no Landlock.
Result<std::string> restrict_paths(const std::vector<PathRule>& rules, const NetworkRule& network);

// No program that this process starts gets more privileges than it has (PR_SET_NO_NEW_PRIVS).
Status no_new_privileges();

}  // namespace ringmx::confine
