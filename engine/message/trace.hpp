// The trace header that a receiver adds: "Received:" of RFC 5321 §4.4, with the keyword of RFC 3848 / RFC
// 6531.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/message_id.hpp"
#include "base/peer.hpp"

namespace ringmx {

struct TraceFacts {
    std::string_view client_name;  // EHLO/HELO argument, already checked by the grammar
    PeerAddress client;
    std::string_view client_host{};  // the name of that address, if somebody has looked it up; else empty
    std::string_view hostname;       // our own name
    std::string_view recipient;      // printed as "for <...>" when there is exactly one; else empty
    MessageId id;
    std::uint32_t flags = 0;  // envelope_flags
    std::string_view tls;     // version and cipher suite, of the envelope's field; printed as a comment
    std::string_view date;    // of DateCache
};

// At most this many octets, whatever the facts (names are cut by the grammar before).
constexpr std::size_t kTraceBytesMax = 2048;

// Writes the header, folded to lines of at most 78 octets where the parts allow, CR LF at the end; returns
// the octets written. `out` has at least kTraceBytesMax. No allocation.
std::size_t write_received_header(MutableBytes out, const TraceFacts& facts);

// The date-time of RFC 5322 §3.3 ("Mon, 23 Nov 2026 16:05:30 +0000", UTC), formatted once a second. One
// thread.
class DateCache {
 public:
    std::string_view format(std::int64_t wall_us);

 private:
    std::int64_t second_ = -1;
    char text_[40];
    std::uint8_t length_ = 0;
};

}  // namespace ringmx
