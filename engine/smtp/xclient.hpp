// The XCLIENT command (Postfix's XCLIENT_README): what another MTA, which the client has spoken to, says of
// that client. Attributes are xtext (RFC 3461 §4); names and the words [UNAVAILABLE], [TEMPUNAVAIL] and IPV6:
// are taken without regard to case. No allocation; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/limits.hpp"
#include "base/peer.hpp"
#include "smtp/rules.hpp"

namespace ringmx::smtp {

// An attribute that was not given leaves what was known of the client; one that is unavailable ends it.
struct XclientText {
    enum class Given : std::uint8_t { no, unavailable, yes };
    Given given = Given::no;
    std::uint8_t octets = 0;
    std::array<char, limits::xclient_text_octets_max> decoded;

    std::string_view text() const { return {decoded.data(), octets}; }
};
static_assert(limits::xclient_text_octets_max <= UINT8_MAX);

struct XclientCommand {
    XclientText name;                    // NAME: the client's host name, as the other MTA has looked it up
    XclientText helo;                    // HELO: its argument of EHLO or HELO
    XclientText login;                   // LOGIN: whom it has authenticated as
    std::optional<PeerAddress> address;  // ADDR; family none: unavailable. Its port is not meant
    std::optional<std::uint16_t> port;   // PORT; 0: unavailable
    std::optional<PeerAddress> destination;  // DESTADDR and DESTPORT: where it has connected to
    std::optional<std::uint16_t> destination_port;
    std::optional<bool> extended;  // PROTO: ESMTP, or SMTP
};

// What is announced behind the keyword in the reply to EHLO.
constexpr std::string_view kXclientAttributes = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

// Null, or the rule that was not kept; then `command` is of no use.
const Rule* parse_xclient(std::string_view argument, XclientCommand& command);

}  // namespace ringmx::smtp
