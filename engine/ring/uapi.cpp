#include "ring/uapi.hpp"

#include <cerrno>

#include <sys/syscall.h>
#include <unistd.h>

namespace ringmx::ring::uapi {

int enter(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
          const WaitArgument* argument) {
    const std::size_t bytes = argument == nullptr ? 0 : sizeof *argument;
    const long result = syscall(__NR_io_uring_enter, fd, to_submit, min_complete, flags, argument, bytes);
    return result < 0 ? -errno : static_cast<int>(result);
}

int register_on(int fd, unsigned operation, const void* argument, unsigned count) {
    const long result = syscall(__NR_io_uring_register, fd, operation, argument, count);
    return result < 0 ? -errno : static_cast<int>(result);
}

}  // namespace ringmx::ring::uapi
