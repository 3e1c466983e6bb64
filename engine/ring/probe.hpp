// What this kernel's io_uring can do, found by doing it, not by its version number. Reported at start and by
// `ringmx --version`.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace ringmx::ring {

struct KernelFeatures {
    std::string release;             // uname -r
    bool io_uring = false;           // a ring can be set up at all
    bool single_issuer = false;      // 6.0
    bool defer_taskrun = false;      // 6.1
    bool multishot_receive = false;  // 6.0, with provided buffer rings
    bool direct_accept = false;      // 5.19, direct descriptors allocated by the kernel
    bool message_ring = false;       // 5.18
    bool min_wait = false;           // 6.12
    bool receive_limit = false;      // 6.17: a multishot receive that ends behind so many octets
    bool no_iowait = false;          // 6.15

    // What the server cannot do without and is missing, as sentences; empty: all there.
    std::vector<std::string> missing() const;
    std::string summary() const;  // one line for the log: "6.18.44: single_issuer defer_taskrun ..."
};

// Probes on throw-away rings (a few milliseconds). The error of a refused io_uring says why and what to
// change: EPERM: seccomp or kernel.io_uring_disabled; ENOSYS: kernel without it; ENOMEM: memlock limit.
Result<KernelFeatures> probe_kernel();

}  // namespace ringmx::ring
