// Which handshakes a core goes on with: so many steps a turn, for their time, and so many under way, for
// their memory.
#include <algorithm>

#include "base/limits.hpp"
#include "server/core.hpp"

namespace ringmx::server {

bool Core::begin_handshake() {
    const std::uint32_t most =
        std::max(options_.connections_max / limits::tls_handshakes_share, limits::tls_handshakes_min);
    if (handshakes_under_way_ >= most) return false;
    ++handshakes_under_way_;
    return true;
}

void Core::end_handshake() {
    --handshakes_under_way_;
    queue_awaiting_handshake();
}

// The next of those that wait for another's end gets its turn. By slot, whose life may be over.
void Core::queue_awaiting_handshake() {
    while (!awaiting_handshake_.empty()) {
        const std::uint32_t slot = awaiting_handshake_.front();
        awaiting_handshake_.pop_front();
        Connection* connection = connections_->at(slot);
        if (connection != nullptr && connection->waits_to_shake_hands()) return to_shake_.push_back(slot);
    }
}

// In the order in which they came, as many as a turn allows.
void Core::serve_handshakes() {
    handshake_steps_left_ = limits::tls_handshake_steps_max;
    std::size_t served = 0;
    for (; served < to_shake_.size() && may_shake_hands(); ++served) {
        Connection* connection = connections_->at(to_shake_[served]);
        if (connection != nullptr && connection->waits_to_shake_hands()) {
            connection->shake_hands();
        } else {
            queue_awaiting_handshake();  // it may have been given the place of one that has ended
        }
    }
    to_shake_.erase(to_shake_.begin(), to_shake_.begin() + static_cast<std::ptrdiff_t>(served));
}

}  // namespace ringmx::server
