#include "ring/refusal.hpp"

#include <cerrno>
#include <fstream>

namespace ringmx::ring {
namespace {

// The sysctl kernel.io_uring_disabled (6.6); 0 where it does not exist.
int disabled_level() {
    std::ifstream file("/proc/sys/kernel/io_uring_disabled");
    int level = 0;
    return file >> level ? level : 0;
}

std::string explain_eperm() {
    const int level = disabled_level();
    if (level == 2) {
        return "io_uring is switched off for every process: set the sysctl kernel.io_uring_disabled to 0";
    }
    if (level == 1) {
        return "io_uring is switched off for unprivileged processes: set the sysctl kernel.io_uring_disabled "
               "to 0, or "
               "run ringmx in the group named by kernel.io_uring_group";
    }
    return "io_uring is refused (EPERM), most likely by a container's seccomp profile: allow io_uring_setup, "
           "io_uring_enter and io_uring_register (docker run --security-opt seccomp=PROFILE.json); see "
           "docs/kernels.md";
}

}  // namespace

Error refusal(int code) {
    switch (code) {
        case EPERM:
            return {code, explain_eperm()};
        case EACCES:
            return {code,
                    "io_uring is refused (EACCES) by a security module: allow it in the SELinux or AppArmor "
                    "policy"};
        case ENOSYS:
            return {code,
                    "io_uring is not there (ENOSYS): the kernel is older than 6.1 or built without "
                    "CONFIG_IO_URING, "
                    "or a sandbox such as gVisor hides it; see docs/kernels.md"};
        case ENOMEM:
            return {code,
                    "io_uring got no memory (ENOMEM): raise the locked memory limit (ulimit -l, "
                    "LimitMEMLOCK= in a "
                    "systemd unit) or the memory limit of the control group"};
        case EMFILE:
            return {code,
                    "io_uring got no descriptor (EMFILE): raise the limit on open files (ulimit -n, "
                    "LimitNOFILE=)"};
        default:
            return system_error(code, "io_uring cannot be set up");
    }
}

}  // namespace ringmx::ring
