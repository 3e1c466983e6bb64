// The requests that a core puts on its ring for itself, and how their completions are told apart.
#pragma once

#include <cstdint>

#include "ring/ring.hpp"

namespace ringmx::server {

enum class Op : std::uint8_t {
    accept = 1,    // slot: index of the armed accept
    receive,       // multishot, into the ring of buffers; slot and generation of a connection, as in all that
                   // follow
    readable,      // poll of a connection in bulk mode
    receive_bulk,  // what is there now, into the core's buffer for bulk
    send,
    cancel,
    shutdown,
    close,
    cancel_accept,
    wake,  // the read of the event descriptor by which other threads wake the core
};

// After the io_uring_prep_* call, which clears flags but not the user data of an earlier life.
inline void stamp(io_uring_sqe* sqe, Op op, std::uint32_t slot, std::uint32_t generation) {
    sqe->user_data = ring::UserData{static_cast<std::uint8_t>(op), slot, generation}.pack();
}

}  // namespace ringmx::server
