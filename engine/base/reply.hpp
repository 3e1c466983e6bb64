// An SMTP reply as a value, and a decision that ends in one. Shared by policy (which decides), storage (which
// reports) and smtp (which prints). Texts are not owned: they are literals or live as long as their giver
// says.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringmx {

// RFC 3463 enhanced status code, class.subject.detail. klass 0 means "print none".
struct EnhancedStatus {
    std::uint8_t klass = 0;
    std::uint16_t subject = 0;
    std::uint16_t detail = 0;
    bool operator==(const EnhancedStatus&) const = default;
};

// RFC 5321 §4.2. One line of text; the session breaks and prefixes it.
struct Reply {
    std::uint16_t code = 0;  // 200..599; 0: the session's own default for the place
    EnhancedStatus status{};
    std::string_view text{};
    bool operator==(const Reply&) const = default;
};

// What a policy or a handler answers at a decision point. `later`: nothing yet; the session waits, bounded by
// the stage's timeout, until Session::on_decision brings one of the other kinds.
struct Decision {
    enum class Kind : std::uint8_t { accept, reject, disconnect, later };
    Kind kind = Kind::accept;
    Reply reply{};  // empty for accept: the protocol's own reply; required for reject and disconnect

    static Decision accept() { return {}; }
    static Decision accept(Reply reply) { return {Kind::accept, reply}; }
    static Decision reject(Reply reply) { return {Kind::reject, reply}; }
    static Decision disconnect(Reply reply) { return {Kind::disconnect, reply}; }  // reply, then close
    static Decision later() { return {Kind::later, {}}; }
};

}  // namespace ringmx
