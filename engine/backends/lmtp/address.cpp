#include "lmtp/address.hpp"

#include <charconv>
#include <cstring>
#include <stdexcept>

#include <netdb.h>
#include <sys/un.h>

namespace ringmx::lmtp {
namespace {

bool is_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

}  // namespace

Address parse_address(std::string_view text) {
    Address address;
    address.text = text;
    std::string_view path = text;
    if (path.starts_with("unix:")) path.remove_prefix(5);
    if (path.starts_with("/") && path.size() < sizeof(sockaddr_un::sun_path)) {
        address.path = path;
        return address;
    }
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos && is_port(text.substr(colon + 1))) {
        std::string_view host = text.substr(0, colon);
        const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
        if (bracketed) host = host.substr(1, host.size() - 2);
        if (!host.empty() && (bracketed || host.find(':') == std::string_view::npos)) {
            address.host = host;
            address.port = text.substr(colon + 1);
            return address;
        }
    }
    throw std::runtime_error("option address is to be HOST:PORT, [IPV6]:PORT or the path of a Unix socket");
}

std::vector<SocketAddress> resolve(const Address& address, std::string& error) {
    std::vector<SocketAddress> found;
    if (!address.path.empty()) {
        SocketAddress one;
        auto& unix_address = reinterpret_cast<sockaddr_un&>(one.storage);
        unix_address.sun_family = AF_UNIX;
        std::memcpy(unix_address.sun_path, address.path.c_str(), address.path.size() + 1);
        one.octets = sizeof(sockaddr_un);
        found.push_back(one);
        return found;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int status = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &list);
    if (status != 0) {
        error = gai_strerror(status);
        return found;
    }
    for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
        SocketAddress one;
        std::memcpy(&one.storage, info->ai_addr, info->ai_addrlen);
        one.octets = info->ai_addrlen;
        found.push_back(one);
    }
    freeaddrinfo(list);
    return found;
}

}  // namespace ringmx::lmtp
