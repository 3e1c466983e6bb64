// The kernel's io_uring constants that liburing 2.3 (Debian 12) does not know yet. Each is guarded, so a
// newer liburing's own definition wins; a field that it lacks is named here by the place it has in the older
// structure.
#pragma once

#include <cstddef>
#include <cstdint>

#include <liburing.h>

#ifndef IORING_FEAT_MIN_TIMEOUT
#define IORING_FEAT_MIN_TIMEOUT (1U << 15)  // 6.12
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)  // 6.15
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)  // 6.15
#endif

namespace ringmx::ring::uapi {

// struct io_uring_getevents_arg as of 6.12: what was padding carries the minimum wait.
struct WaitArgument {
    std::uint64_t sigmask = 0;
    std::uint32_t sigmask_bytes = 0;
    std::uint32_t min_wait_us = 0;
    std::uint64_t timespec = 0;  // address of a __kernel_timespec; 0: no timeout
};
static_assert(sizeof(WaitArgument) == sizeof(io_uring_getevents_arg));
static_assert(offsetof(WaitArgument, timespec) == offsetof(io_uring_getevents_arg, ts));

// liburing's internal flag (io_uring::int_flags): enter_ring_fd is an index from io_uring_register_ring_fd.
constexpr unsigned kRegisteredRingFd = 1;

// io_uring_sqe::optlen as of 6.17: a multishot receive ends with the first completion by which it has brought
// so many octets or more; 0: none. It is in the place
// of what a receive does not use; earlier kernels refuse a receive in which it is not 0.
inline __u32& receive_limit(io_uring_sqe& sqe) {
    return sqe.file_index;
}

// io_uring_enter(2) itself. Returns what it submitted, or -errno.
int enter(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
          const WaitArgument* argument);

// io_uring_register(2) itself. 0 or more, or -errno.
int register_on(int fd, unsigned operation, const void* argument, unsigned count);

}  // namespace ringmx::ring::uapi
