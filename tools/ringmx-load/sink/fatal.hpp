// What both halves of the floor share: the end on an error, and a submission entry.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <liburing.h>

namespace ringmx::floor {

[[noreturn]] inline void fatal(const char* what, int error) {
    std::fprintf(stderr, "ringmx-load sink: %s: %s\n", what, std::strerror(error));
    std::exit(1);
}

// A full submission queue is handed to the kernel first.
inline io_uring_sqe* next_sqe(io_uring& ring) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    if (sqe != nullptr) return sqe;
    io_uring_submit(&ring);
    sqe = io_uring_get_sqe(&ring);
    if (sqe == nullptr) fatal("submission queue", EBUSY);
    return sqe;
}

}  // namespace ringmx::floor
