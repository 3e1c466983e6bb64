// The durable floor's storage: everything received since the last write becomes one batch, written with
// O_DIRECT and RWF_DSYNC over zeros that are on disk already; at most two batches are in flight.
//
// A reply given to release_later() comes out of written() once every octet appended before it is on disk.
// There is no format and no recovery: this is the least that a durable server has to do, for comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include <liburing.h>

namespace ringmx::floor {

struct HeldReply {
    std::uint32_t slot;  // the connection's
    std::string_view text;
};

class BatchLog {
 public:
    // Writes the whole file with zeros first. user_data of a write: `tag` with the batch's number below it.
    BatchLog(io_uring& ring, const char* path, std::uint64_t tag);

    void append(const char* octets, std::size_t count);
    void release_later(HeldReply reply);
    // Queues as many writes as may be in flight. Once per loop.
    void flush();
    // The completion of a write: the replies that are now due, in the order in which they were given.
    const std::vector<HeldReply>& written(std::uint32_t number, int result);

 private:
    struct Batch {
        char* memory = nullptr;
        std::size_t used = 0;
        std::size_t in_write = 0;  // octets, padding included
        bool done = false;
        std::vector<HeldReply> held;
    };

    std::uint32_t take_batch();
    void queue_write(std::uint32_t number);

    io_uring& ring_;
    std::uint64_t tag_;
    int file_ = -1;
    std::uint64_t offset_ = 0;
    std::vector<std::unique_ptr<Batch>> batches_;
    std::vector<std::uint32_t> free_;
    std::deque<std::uint32_t> order_;  // oldest first: in flight, waiting, and last the one being filled
    std::size_t submitted_ = 0;        // how many of order_, from its front, were given to the kernel
    std::size_t in_flight_ = 0;
    std::vector<HeldReply> due_;
};

}  // namespace ringmx::floor
