#include "server/listener.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/peer.hpp"
#include "server/engine.hpp"

namespace ringmx::server {

namespace {

constexpr int kBacklog = 4096;  // cut to net.core.somaxconn by the kernel
// io_uring keeps a killed server's sockets for a moment after the process has ended.
constexpr int kBindTries = 40;
constexpr std::chrono::milliseconds kBindPause{50};

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    // Of IPv4 and IPv6 the port stands in the same place.
    std::uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port); }
};

Result<Address> resolve(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return Error{0, "server.listen: \"" + text + "\" is not ADDRESS:PORT"};
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);

    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found);
    if (error != 0) return Error{0, "server.listen: \"" + text + "\": " + gai_strerror(error)};
    Address address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.length = found->ai_addrlen;
    freeaddrinfo(found);
    return address;
}

Result<int> open_one(const Address& address, const std::string& text, bool share_port) {
    const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_error(errno, "socket for " + text);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (share_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    // Accepted sockets inherit it: replies must not wait for the acknowledgement of earlier ones.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address.storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, address.get(), address.length) != 0 || listen(fd, kBacklog) != 0) {
        const int code = errno;
        ::close(fd);
        Error error = system_error(code, "cannot listen on " + text);
        if (code == EADDRINUSE) {
            error.code = start_error::address_in_use;
            error.message += ": stop the program that listens there, or change server.listen";
        }
        return error;
    }
    return fd;
}

// Whether anybody listens there already: then there is no binding without sharing. A port that the kernel is
// to choose is one that nobody has.
Status check_free(const Address& address, const std::string& text) {
    if (address.port() == 0) return ok_status();
    for (int attempt = 1;; ++attempt) {
        auto alone = open_one(address, text, false);
        if (alone) {
            ::close(*alone);
            return ok_status();
        }
        if (alone.error().code != start_error::address_in_use || attempt == kBindTries) return alone.error();
        std::this_thread::sleep_for(kBindPause);
    }
}

int integer_option(int fd, int option) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

// Makes a socket of somebody else's what open_one() makes; returns its address as text.
Result<std::string> prepare_passed(int fd) {
    const std::string name = "descriptor " + std::to_string(fd);
    const int family = integer_option(fd, SO_DOMAIN);
    if ((family != AF_INET && family != AF_INET6) || integer_option(fd, SO_TYPE) != SOCK_STREAM ||
        integer_option(fd, SO_ACCEPTCONN) != 1) {
        return Error{start_error::bad_config,
                     name + ", which was passed to the server, is no listening TCP socket"};
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (listen(fd, kBacklog) != 0) return system_error(errno, "listen on " + name);
    Address address;
    address.length = sizeof address.storage;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length);
    const PeerAddress bound = PeerAddress::from_sockaddr(*address.get());
    std::array<char, 48> buffer;
    const std::string host(bound.format(buffer));
    const bool brackets = bound.family == PeerAddress::Family::ipv6;
    return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(bound.port);
}

}  // namespace

Result<ListenSockets> ListenSockets::adopt(const std::vector<int>& passed, unsigned cores) {
    ListenSockets result;
    result.sockets_.resize(cores);
    Status status = ok_status();
    for (const int fd : passed) {
        auto address = status ? prepare_passed(fd) : Result<std::string>(status.error());
        if (!address) status = address.error();
        for (unsigned core = 0; status && core < cores; ++core) {
            const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
            if (own < 0) {
                status = system_error(errno, "dup of a passed socket");
            } else {
                result.sockets_[core].push_back(own);
            }
        }
        if (status) result.addresses_.push_back(std::move(*address));
        ::close(fd);
    }
    if (!status) return status.error();
    return result;
}

Result<ListenSockets> ListenSockets::open(const std::vector<std::string>& addresses, unsigned cores) {
    ListenSockets result;
    result.sockets_.resize(cores);
    for (const std::string& text : addresses) {
        auto address = resolve(text);
        if (!address) return address.error();
        if (Status free = check_free(*address, text); !free) return free.error();
        for (unsigned core = 0; core < cores; ++core) {
            auto fd = open_one(*address, text, true);
            if (!fd) return fd.error();
            result.sockets_[core].push_back(*fd);
            // From here on the other cores share the port that the first one was given.
            getsockname(*fd, reinterpret_cast<sockaddr*>(&address->storage), &address->length);
        }
        result.addresses_.push_back(text.substr(0, text.rfind(':') + 1) + std::to_string(address->port()));
    }
    return result;
}

void ListenSockets::close_core(unsigned core) {
    for (const int fd : sockets_[core])
        ::close(fd);
    sockets_[core].clear();
}

ListenSockets::~ListenSockets() {
    for (unsigned core = 0; core < sockets_.size(); ++core)
        close_core(core);
}

}  // namespace ringmx::server
