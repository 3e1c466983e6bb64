// Each feature is tried on rings of its own, so that a feature which misbehaves cannot disturb the next.
#include "ring/probe.hpp"

#include <sys/utsname.h>

#include "ring/probe_steps.hpp"
#include "ring/refusal.hpp"

namespace ringmx::ring {

Result<KernelFeatures> probe_kernel() {
    KernelFeatures found;
    utsname name{};
    if (uname(&name) == 0) found.release = name.release;

    const int refused = steps::set_up(0);
    if (refused != 0) return refusal(refused);
    found.io_uring = true;
    found.single_issuer = steps::set_up(IORING_SETUP_SINGLE_ISSUER) == 0;
    found.defer_taskrun = steps::set_up(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) == 0;
    found.multishot_receive = steps::multishot_receive();
    found.direct_accept = steps::direct_accept();
    found.message_ring = steps::message_ring();
    found.min_wait = steps::min_wait();
    found.receive_limit = steps::receive_limit();
    found.no_iowait = steps::no_iowait();
    return found;
}

std::vector<std::string> KernelFeatures::missing() const {
    std::vector<std::string> sentences;
    if (!io_uring) sentences.emplace_back("io_uring is not available");
    if (!multishot_receive) {
        sentences.emplace_back(
            "multishot receive with a ring of provided buffers does not work (needs kernel 6.0)");
    }
    if (!direct_accept) {
        sentences.emplace_back("accept into a table of direct descriptors does not work (needs kernel 5.19)");
    }
    return sentences;
}

std::string KernelFeatures::summary() const {
    std::string line = release + ":";
    const auto add = [&line](bool there, const char* name) {
        if (there) line.append(" ").append(name);
    };
    add(!io_uring, "no io_uring");
    add(single_issuer, "single_issuer");
    add(defer_taskrun, "defer_taskrun");
    add(multishot_receive, "multishot_receive");
    add(direct_accept, "direct_accept");
    add(message_ring, "message_ring");
    add(min_wait, "min_wait");
    add(receive_limit, "receive_limit");
    add(no_iowait, "no_iowait");
    return line;
}

}  // namespace ringmx::ring
