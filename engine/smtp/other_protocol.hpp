// Clients that speak something else: what the first octets of a connection tell. Nothing that SMTP knows
// begins so.
#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace ringmx::smtp {

// "tls" (a handshake record, RFC 8446 §5.1), "http" (a request line, RFC 9112 §3), "ssh" (RFC 4253 §4.2), or
// nothing. A TLS record shows in two octets, the others once the line is whole.
std::string_view other_protocol(Bytes start);

}  // namespace ringmx::smtp
