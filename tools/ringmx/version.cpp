// `ringmx --version`: the program, what it was built with, and what this kernel's io_uring can do.
#include <cstdio>
#include <string_view>

#include "commands.hpp"
#include "ring/probe.hpp"

namespace ringmx::tools {

ExitCode print_version() {
    const std::string_view revision = RINGMX_REVISION;
    std::printf("ringmx %s%s%s%s\n", RINGMX_VERSION, revision.empty() ? "" : " (", RINGMX_REVISION,
                revision.empty() ? "" : ")");
    std::printf("compiler %s\nliburing %s\n", RINGMX_COMPILER, RINGMX_LIBURING);
    const Result<ring::KernelFeatures> features = ring::probe_kernel();
    if (!features) {
        std::printf("kernel: io_uring refused: %s\n", features.error().message.c_str());
        return ExitCode::ok;
    }
    std::printf("kernel %s\n", features->summary().c_str());
    for (const std::string& sentence : features->missing())
        std::printf("missing: %s\n", sentence.c_str());
    return ExitCode::ok;
}

}  // namespace ringmx::tools
