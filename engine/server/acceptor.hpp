// Admission: how many accepts are armed is how many clients may come in. Each is a single-shot accept with an
// address of its own into a direct descriptor, and there are never more of them than free slots, so that the
// excess waits in the kernel's backlog instead of being accepted and closed.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/socket.h>

#include "base/peer.hpp"
#include "ring/ring.hpp"

namespace ringmx::server {

class Acceptor {
 public:
    // `slots`: size of the direct descriptor table.
    Acceptor(ring::Ring& ring, std::vector<int> listeners, std::uint32_t slots);

    // Arms what may be armed now: with `in_use` slots taken, spread evenly over the listeners.
    void arm(std::uint32_t in_use, std::int64_t now_ns);
    // An accept has completed. On an error that would repeat at once (no descriptors, no memory) arming
    // pauses. Returns the peer's address; valid if the completion's result is not negative.
    PeerAddress completed(std::uint32_t index, std::int32_t result, std::int64_t now_ns);
    // No more accepts; cancels the armed ones, whose completions still come.
    void stop();
    // Which of the listeners an accept is of: its place in the list.
    std::size_t listener_of(std::uint32_t index) const { return index % listeners_.size(); }
    std::uint32_t armed() const { return armed_; }
    bool paused(std::int64_t now_ns) const { return now_ns < paused_until_ns_; }

 private:
    struct Accept {
        sockaddr_storage address{};
        socklen_t length = 0;
        bool armed = false;
    };

    ring::Ring& ring_;
    std::vector<int> listeners_;
    std::vector<Accept> accepts_;  // listener i has those at i, i + listeners, ...
    std::uint32_t slots_;
    std::uint32_t armed_ = 0;
    std::uint32_t next_ = 0;  // to look at when arming: with few free slots every listener gets its turn
    std::int64_t paused_until_ns_ = 0;
    bool stopped_ = false;
};

}  // namespace ringmx::server
