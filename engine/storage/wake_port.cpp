#include "storage/wake_port.hpp"

#include <poll.h>

#include "base/assert.hpp"

namespace ringmx::storage {
namespace {

// The kind of a completion is in the upper octet of its payload, a target's number in the lower half.
constexpr std::uint64_t kKindShift = 48;
constexpr std::uint64_t kMessage = std::uint64_t{1} << kKindShift;  // somebody woke us
constexpr std::uint64_t kPolled = std::uint64_t{2} << kKindShift;   // somebody wrote to our eventfd
constexpr std::uint64_t kSent = std::uint64_t{3} << kKindShift;     // our message failed

}  // namespace

WakePort::WakePort(ring::Ring& ring, const EventFd& event, bool messages)
    : ring_(ring), event_(event), messages_(messages), tag_(ring.add_handler(*this)) {
    arm_poll();
}

WakePort::~WakePort() {
    ring_.remove_handler(tag_);
}

// A poll rather than a read: it owns no memory that could go before the ring does.
void WakePort::arm_poll() {
    io_uring_sqe* sqe = ring_.request();
    io_uring_prep_poll_add(sqe, event_.get(), POLLIN);
    sqe->user_data = tag_ | kPolled;
}

std::uint32_t WakePort::add_target(const WakeAddress& target) {
    targets_.push_back(target);
    return static_cast<std::uint32_t>(targets_.size() - 1);
}

void WakePort::remove_target(std::uint32_t target) {
    targets_[target] = WakeAddress{};
}

void WakePort::wake(std::uint32_t target) {
    const WakeAddress& address = targets_[target];
    RMX_ASSERT(address.event != nullptr);
    ++wakes_sent_;
    if (!messages_) {
        address.event->signal();
        return;
    }
    io_uring_sqe* sqe = ring_.request();
    io_uring_prep_msg_ring(sqe, address.ring_fd, 0, address.tag | kMessage, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag_ | kSent | target;
}

void WakePort::on_completion(std::uint64_t payload, std::int32_t result, std::uint32_t) {
    switch (payload >> kKindShift << kKindShift) {
        case kPolled:
            event_.drain();
            arm_poll();
            break;
        case kSent: {
            // The message did not get through (no memory, the sleeper's queue full): the eventfd always does.
            const EventFd* event = targets_[static_cast<std::uint32_t>(payload)].event;
            if (result < 0 && event != nullptr) event->signal();
            break;
        }
        default:
            break;  // a message: its arrival ended the wait, which is all it was for
    }
}

}  // namespace ringmx::storage
