#include "ring/restrictions.hpp"

#include <array>
#include <cstdint>

#include "ring/uapi.hpp"

namespace ringmx::ring {

namespace {

// Connections; the wake of a core; the messages between rings; the spool's files.
constexpr std::uint8_t kRequests[] = {
    IORING_OP_NOP,          IORING_OP_ACCEPT,   IORING_OP_RECV,   IORING_OP_SEND,      IORING_OP_SHUTDOWN,
    IORING_OP_ASYNC_CANCEL, IORING_OP_CLOSE,    IORING_OP_READ,   IORING_OP_POLL_ADD,  IORING_OP_POLL_REMOVE,
    IORING_OP_TIMEOUT,      IORING_OP_MSG_RING, IORING_OP_OPENAT, IORING_OP_FALLOCATE, IORING_OP_READV,
    IORING_OP_WRITE,        IORING_OP_WRITEV,   IORING_OP_FSYNC,  IORING_OP_RENAMEAT,  IORING_OP_UNLINKAT,
};

// Direct descriptors, buffer rings, the ring's own descriptor.
constexpr std::uint8_t kRegistrations[] = {
    IORING_REGISTER_FILES2,      IORING_UNREGISTER_FILES,  IORING_REGISTER_PBUF_RING,
    IORING_UNREGISTER_PBUF_RING, IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS,
};

constexpr std::uint8_t kFlags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_ASYNC | IOSQE_IO_LINK |
                                IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS;

}  // namespace

int restrict_and_enable(io_uring& ring) {
    std::array<io_uring_restriction, std::size(kRequests) + std::size(kRegistrations) + 1> all{};
    auto at = all.begin();
    for (const std::uint8_t request : kRequests) {
        at->opcode = IORING_RESTRICTION_SQE_OP;
        (at++)->sqe_op = request;
    }
    for (const std::uint8_t registration : kRegistrations) {
        at->opcode = IORING_RESTRICTION_REGISTER_OP;
        (at++)->register_op = registration;
    }
    at->opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    at->sqe_flags = kFlags;
    // liburing 2.3 declares functions for both, and its shared library does not export them.
    const int result = uapi::register_on(ring.ring_fd, IORING_REGISTER_RESTRICTIONS, all.data(),
                                         static_cast<unsigned>(all.size()));
    return result < 0 ? result : uapi::register_on(ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

}  // namespace ringmx::ring
