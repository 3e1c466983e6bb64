// One connection of the load: a slot that is opened and closed again and again.
//
//   state       waits for                            then
//   closed      work, or nothing any more            connecting
//   pause       its time (after a failure, ramp)     closed
//   connecting  the completion of connect(2)         banner, handshake
//   handshake   the end of the TLS handshake         banner (implicit TLS), hello (behind STARTTLS)
//   banner      220                                  hello
//   starttls    220 to STARTTLS                      handshake
//   hello       250 to EHLO                          idle, message, starttls
//   idle        work                                 message
//   message     the next reply of the message        message, rset, idle, quit
//   rset        250 to RSET                          idle, message
//   quit        the end of the stream                closed
//   closing     the end of its last request          closed, pause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "plan.hpp"
#include "reply_reader.hpp"
#include "tls_stream.hpp"

namespace ringmx::load {

enum class State : std::uint8_t {
    closed,
    pause,
    connecting,
    handshake,
    banner,
    starttls,
    hello,  // the last of setting up
    idle,
    message,
    rset,
    quit,
    closing
};

struct Client {
    std::int64_t begin_ns = 0;     // of the message: when it was due, or when its MAIL was written
    std::int64_t mail_ns = 0;      // MAIL was written
    std::int64_t sent_ns = 0;      // the last write, or the last step of setting up the connection
    std::int64_t deadline_ns = 0;  // what for: its state
    std::uint32_t generation = 0;  // of the slot: completions of an earlier life are told by it
    int fd = -1;
    std::uint32_t reply = 0;     // number of the next reply of the message (plan.hpp)
    std::uint32_t accepted = 0;  // recipients
    std::uint32_t mail = 0;      // index in Plan::mails
    std::uint64_t messages = 0;  // on this connection
    std::uint16_t refusal = 0;   // the first 4xx or 5xx of the message
    State state = State::closed;
    Kind kind = Kind::normal;
    bool armed = false;        // connect or receive is with the kernel
    bool secure = false;       // what is written and received goes through TLS
    bool sending = false;      // TLS: records are with the kernel
    bool assigned = false;     // a message waits until the connection is set up
    bool counted = false;      // the message belongs to the measured window
    bool first_write = false;  // the next write is the message's first
    bool mail_accepted = false;
    bool data_refused = false;
    bool linger_off = false;  // close with a reset
    bool failed = false;      // the slot rests before it is opened again
    ReplyReader reader;
};

// What only the disturbing kinds need.
struct HardClient {
    std::string text;         // slow: what is being written
    std::size_t written = 0;  // of it
    std::uint32_t turn = 0;   // resetting: where next
};

// What only TLS needs. Plaintext is encrypted a flight at a time, the next while one is with the kernel.
struct TlsClient {
    TlsStream stream;                        // its output is the next flight
    std::string flight;                      // with the kernel while Client::sending
    std::array<std::string_view, 2> text{};  // not yet encrypted, in this order
    bool timed = false;                      // the moment at which the next flight leaves matters
    bool broken = false;                     // a send failed: the receive tells more
    bool shut_down = false;                  // for writing, behind the last flight
};

// Slots in the order in which they came, with removal from the middle. A slot is in at most one list that
// shares the same links.
struct SlotLink {
    std::uint32_t next;
    std::uint32_t previous;
};

class SlotList {
 public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    explicit SlotList(std::vector<SlotLink>& links) : links_(links) {}

    bool empty() const { return first_ == kNone; }
    void push(std::uint32_t slot) {
        links_[slot] = {kNone, last_};
        (last_ == kNone ? first_ : links_[last_].next) = slot;
        last_ = slot;
    }
    std::uint32_t pop() {
        const std::uint32_t slot = first_;
        remove(slot);
        return slot;
    }
    void remove(std::uint32_t slot) {
        const SlotLink link = links_[slot];
        (link.previous == kNone ? first_ : links_[link.previous].next) = link.next;
        (link.next == kNone ? last_ : links_[link.next].previous) = link.previous;
    }

 private:
    std::vector<SlotLink>& links_;
    std::uint32_t first_ = kNone;
    std::uint32_t last_ = kNone;
};

}  // namespace ringmx::load
