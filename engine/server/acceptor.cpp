#include "server/acceptor.hpp"

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "server/operations.hpp"

namespace ringmx::server {

namespace {

constexpr std::int64_t kPauseNs = 100 * kNsPerMs;  // after an error that would come again at once

bool would_repeat(std::int32_t result) {
    return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS;
}

}  // namespace

Acceptor::Acceptor(ring::Ring& ring, std::vector<int> listeners, std::uint32_t slots)
    : ring_(ring),
      listeners_(std::move(listeners)),
      accepts_(listeners_.size() * limits::accepts_armed_per_listener),
      slots_(slots) {}

void Acceptor::arm(std::uint32_t in_use, std::int64_t now_ns) {
    if (stopped_ || paused(now_ns)) return;
    const auto all = static_cast<std::uint32_t>(accepts_.size());
    std::uint32_t free = slots_ - std::min(slots_, in_use + armed_);
    for (std::uint32_t looked = 0; looked < all && armed_ < all && free > 0; ++looked) {
        const std::uint32_t index = next_;
        next_ = (next_ + 1) % all;
        Accept& accept = accepts_[index];
        if (accept.armed) continue;
        accept.length = sizeof accept.address;
        io_uring_sqe* sqe = ring_.request();
        io_uring_prep_accept(sqe, listeners_[index % listeners_.size()],
                             reinterpret_cast<sockaddr*>(&accept.address), &accept.length, 0);
        // Set here: the direct variant of liburing 2.3 turns this value into "no direct descriptor".
        sqe->file_index = IORING_FILE_INDEX_ALLOC;
        stamp(sqe, Op::accept, index, 0);
        accept.armed = true;
        ++armed_;
        --free;
    }
}

PeerAddress Acceptor::completed(std::uint32_t index, std::int32_t result, std::int64_t now_ns) {
    Accept& accept = accepts_[index];
    accept.armed = false;
    --armed_;
    if (would_repeat(result)) paused_until_ns_ = now_ns + kPauseNs;
    if (result < 0) return {};
    return PeerAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(accept.address));
}

void Acceptor::stop() {
    stopped_ = true;
    for (std::uint32_t index = 0; index < accepts_.size(); ++index) {
        if (!accepts_[index].armed) continue;
        io_uring_sqe* sqe = ring_.request();
        io_uring_prep_cancel64(sqe, ring::UserData{static_cast<std::uint8_t>(Op::accept), index, 0}.pack(),
                               0);
        stamp(sqe, Op::cancel_accept, index, 0);
    }
}

}  // namespace ringmx::server
