// How much a file system has left for us, as every backend asks it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <limits>

#include <sys/statvfs.h>

namespace ringmx::storage {

// Of a file system that does not count its blocks (ramfs): only a write can tell.
constexpr std::int64_t kSpaceUnknown = std::numeric_limits<std::int64_t>::max();

// Octets free for an ordinary user on the file system of the open file `fd`, or -errno. Without free inodes
// there is no space, whatever is said of blocks. Does not wait for the device.
inline std::int64_t free_space(int fd) {
    struct statvfs state {};
    if (fstatvfs(fd, &state) != 0) return -errno;
    if (state.f_files != 0 && state.f_favail == 0) return 0;
    if (state.f_blocks == 0) return kSpaceUnknown;
    return static_cast<std::int64_t>(state.f_bavail) * static_cast<std::int64_t>(state.f_frsize);
}

}  // namespace ringmx::storage
