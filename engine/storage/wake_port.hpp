// A thread's end for wake-ups between threads that sleep in their rings.
//
// With IORING_OP_MSG_RING (kernel 5.18) a wake-up is a request that leaves with the sender's next
// io_uring_enter and posts a completion in the sleeper's ring: no system call of its own. Without it, or when
// it fails, the sender writes to the sleeper's eventfd, which the sleeper polls through its ring. Threads
// without a ring use the eventfd too.
#pragma once

#include <cstdint>
#include <vector>

#include "base/event_fd.hpp"
#include "ring/ring.hpp"

namespace ringmx::storage {

// Where a sleeper is reached. Valid while its ring and its eventfd are open.
struct WakeAddress {
    int ring_fd = -1;
    std::uint64_t tag = 0;  // of its handler
    const EventFd* event = nullptr;
};

// Made, used and destroyed on the thread of its ring.
class WakePort final : public ring::CompletionHandler {
 public:
    // `messages`: use IORING_OP_MSG_RING (KernelFeatures::message_ring). The eventfd outlives the port.
    WakePort(ring::Ring& ring, const EventFd& event, bool messages);
    ~WakePort();
    WakePort(const WakePort&) = delete;
    WakePort& operator=(const WakePort&) = delete;

    WakeAddress address() const { return {ring_.fd(), tag_, &event_}; }
    // Names a sleeper to be woken from here; its number is not used again after remove_target.
    std::uint32_t add_target(const WakeAddress& target);
    void remove_target(std::uint32_t target);
    // With messages, takes effect with the ring's next submission.
    void wake(std::uint32_t target);
    std::uint64_t wakes_sent() const { return wakes_sent_; }

    void on_completion(std::uint64_t payload, std::int32_t result, std::uint32_t flags) override;

 private:
    void arm_poll();

    ring::Ring& ring_;
    const EventFd& event_;
    const bool messages_;
    std::uint64_t tag_;
    std::uint64_t wakes_sent_ = 0;
    std::vector<WakeAddress> targets_;  // removed ones have no eventfd
};

}  // namespace ringmx::storage
