// seccomp (seccomp(2)): the system calls that a server may still make once it serves. The lists stand in
// system_calls.cpp; docs/confinement.md explains them. io_uring's own requests are no system calls: what they
// may be is restricted at the ring (ring/restrictions.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace ringmx::confine {

// A purpose for which a list exists.
enum class Need : std::uint8_t {
    serving,  // every server
    network,  // what opens connections of its own: backends, look-ups
};

std::span<const std::string_view> system_calls(Need need);
// Nothing but an attack makes these of a server: they end the process (SIGSYS). Whatever else stands in no
// list fails with ENOSYS, which libraries take for an older kernel and go on.
std::span<const std::string_view> fatal_system_calls();

// All threads of the process, for good. Memory can no more become code, new processes cannot be made, and
// sockets can be made with `network` alone. Needs no_new_privileges() or root. Returns how many system calls
// are left; ENOSYS or EINVAL where the kernel has no filters.
Result<std::size_t> restrict_system_calls(bool network);

}  // namespace ringmx::confine
