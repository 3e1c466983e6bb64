// Where the LMTP server is: "HOST:PORT", "[IPV6]:PORT", or the absolute path of a Unix socket, also as
// "unix:PATH".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

namespace ringmx::lmtp {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t octets = 0;
};

struct Address {
    std::string text;  // as given
    std::string path;  // Unix socket; or
    std::string host;  // name or address, and
    std::string port;  // number
};

// Throws std::runtime_error if the text is none of the above.
Address parse_address(std::string_view text);

// The socket addresses of it, in the order of preference; none: `error` says why. A host name is looked up,
// which blocks for as long as the system's resolver does.
std::vector<SocketAddress> resolve(const Address& address, std::string& error);

}  // namespace ringmx::lmtp
