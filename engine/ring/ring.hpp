// Ring: one thread's io_uring. Set up for a loop that enters the kernel once per turn to submit and to wait.
//
// Created, used and destroyed on one thread (SINGLE_ISSUER, DEFER_TASKRUN where the kernel has them): create
// it on the thread that runs the loop. It may be destroyed on another thread once its own has ended. liburing
// sets it up and prepares requests; the wait is our own call, because the minimum wait of newer kernels has
// no place in liburing 2.3.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <liburing.h>

#include "base/result.hpp"

namespace ringmx::ring {

// user_data of every request: what it was (op), for whom (slot), and which life of that slot (generation). A
// completion whose generation is not the slot's present one is stale: its resources are returned, nothing
// else.
struct UserData {
    std::uint8_t op = 0;
    std::uint32_t slot = 0;        // 24 bits
    std::uint32_t generation = 0;  // 32 bits

    std::uint64_t pack() const {
        return std::uint64_t{op} << 56 | std::uint64_t{slot & 0xffffff} << 32 | generation;
    }
    static UserData unpack(std::uint64_t value) {
        return {static_cast<std::uint8_t>(value >> 56), static_cast<std::uint32_t>(value >> 32) & 0xffffff,
                static_cast<std::uint32_t>(value)};
    }
};

// Ops below kHandlerOp belong to the thread's own loop; the others to handlers, in the order of registration.
constexpr std::uint8_t kHandlerOp = 0x80;

// A user of somebody else's ring: a storage backend on a core's ring, say. Called on the ring's thread.
class CompletionHandler {
 public:
    // `payload` is what the request's user_data carried in its lower 56 bits.
    virtual void on_completion(std::uint64_t payload, std::int32_t result, std::uint32_t flags) = 0;

 protected:
    ~CompletionHandler() = default;
};

struct RingOptions {
    std::uint32_t submission_entries = 4096;
    std::uint32_t completion_entries = 32768;
    std::uint32_t files_max = 0;  // size of the sparse table of direct descriptors; 0: none
    bool restricted = false;      // to what restrictions.cpp lists
};

struct RingCounters {
    std::uint64_t enters = 0;  // system calls
    std::uint64_t submitted = 0;
    std::uint64_t completions = 0;
    std::uint64_t overflows = 0;   // times the completion queue had overflowed
    std::uint64_t busy = 0;        // EBUSY/EAGAIN from enter: reap first, then submit
    std::uint64_t queue_full = 0;  // the submission queue was full in mid-loop: an extra enter
};

class Ring {
 public:
    static Result<std::unique_ptr<Ring>> create(const RingOptions& options);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    // A cleared request to fill in; never null: if the queue is full, submits first.
    io_uring_sqe* request();
    // Room for `count` requests that must stay in one submission (links).
    void reserve(std::uint32_t count);

    // Hands the queue to the kernel without waiting and without asking for completions: what is over at once
    // is there, and nothing else, unless completions have overflowed: then it comes with the next enter().
    void submit();

    // Submits everything and waits for at least one completion, at most `timeout_ns` (0: does not wait;
    // negative: no timeout). Where the kernel can (6.12), `batch` > 1 waits up to `batch_wait_us` for that
    // many. Returns 0 or -errno for errors that need a person; interruptions, timeouts and busy are normal
    // and return 0.
    int enter(std::int64_t timeout_ns, std::uint32_t batch = 1, std::uint32_t batch_wait_us = 0);

    // Calls f(const io_uring_cqe&) for every completion that is ready at the call, in order; dispatches
    // handlers' completions itself. Returns how many. Each completion is copied and its place given back to
    // the kernel before f sees it, so f may make requests at will (a full submission queue enters the
    // kernel). f must not call reap().
    template <typename F>
    unsigned reap(F&& f) {
        io_uring_cq& cq = ring_.cq;
        const unsigned first = *cq.khead;
        const unsigned tail = io_uring_smp_load_acquire(cq.ktail);
        for (unsigned head = first; head != tail;) {
            const io_uring_cqe cqe = cq.cqes[head & cq.ring_mask];
            io_uring_smp_store_release(cq.khead, ++head);
            const auto op = static_cast<std::uint8_t>(cqe.user_data >> 56);
            if (op >= kHandlerOp) {
                dispatch(op, cqe);
            } else {
                f(cqe);
            }
        }
        counters_.completions += tail - first;
        return tail - first;
    }

    // Registers a handler; returns the tag to be or-ed into user_data (its op in the top 8 bits). At most 16
    // at a time, those counted that remove_handler() has removed.
    std::uint64_t add_handler(CompletionHandler& handler);
    // Completions with this tag are dropped from now on (their buffers are the handler's business). They may
    // still come, and nobody knows how many (another ring can send them): the tag is given to no other
    // handler.
    void remove_handler(std::uint64_t tag);
    // Removes a handler whose requests have all been completed, and that no other ring sends messages to: no
    // completion with its tag can come any more, so the tag is the next handler's.
    void remove_idle_handler(std::uint64_t tag);

    bool has_completions() const { return io_uring_cq_ready(&ring_) != 0; }
    int fd() const { return ring_.ring_fd; }
    io_uring* raw() { return &ring_; }
    const RingCounters& counters() const { return counters_; }

 private:
    Ring() = default;
    void choose_enter();
    unsigned publish();
    void dispatch(std::uint8_t op, const io_uring_cqe& cqe);
    std::uint32_t take_handler(std::uint64_t tag);

    io_uring ring_{};
    static constexpr std::uint32_t kHandlersMax = 16;
    std::array<CompletionHandler*, kHandlersMax> handlers_{};  // null: none, or one that was removed
    std::uint32_t handlers_free_ = (1u << kHandlersMax) - 1;   // a bit for each place that may be given out
    bool open_ = false;
    bool min_wait_ = false;
    unsigned enter_flags_ = 0;     // of every io_uring_enter
    unsigned wait_flags_ = 0;      // of those that wait
    const void* owner_ = nullptr;  // names the thread that created it
    RingCounters counters_;
};

}  // namespace ringmx::ring
