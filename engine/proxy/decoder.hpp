// proxy::Decoder: takes the PROXY protocol header off the front of a connection's octets, sans I/O. Versions
// 1 and 2 of proxy-protocol.txt. It can be stopped and resumed at any octet, holds at most a header
// (limits::proxy_header_*_octets_max), takes not one octet that is behind it, and fails at the first octet
// that cannot be right; only the addresses of a version 1 line wait for its end, as the specification wants.
// One connection, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "proxy/header.hpp"

namespace ringmx::proxy {

class Decoder {
 public:
    enum class State : std::uint8_t { more, done, failed };

    // Returns how many octets are the header's, or were looked at until it failed. Nothing is taken once
    // the state is not `more`.
    std::size_t feed(Bytes input);
    State state() const { return state_; }
    Failure failure() const { return failure_; }
    bool has_begun() const { return !octets_.empty(); }
    // When done; valid while the decoder is.
    const Header& header() const { return header_; }

 private:
    enum class Version : std::uint8_t { unknown, text, binary };

    Bytes next_piece(Bytes input) const;
    void look();
    void look_for_version();
    void look_at_text();
    void look_at_binary();
    void finish(Failure failure);

    std::vector<std::byte> octets_;  // so far
    Header header_;
    std::size_t wanted_ = 0;  // of version 2: octets in all, as far as it is known
    State state_ = State::more;
    Failure failure_ = Failure::none;
    Version version_ = Version::unknown;
};

}  // namespace ringmx::proxy
