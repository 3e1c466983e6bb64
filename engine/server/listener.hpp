// Listening sockets: one per address and core, sharing the port by SO_REUSEPORT, so that the kernel spreads
// connections over the cores and each core accepts from its own queue. Sockets that a service manager has
// opened and passed to the process have one queue each, from which all cores accept.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace ringmx::server {

// A listening socket that the process was started with.
struct PassedSocket {
    int fd = -1;
    bool tls = false;  // TLS comes first on it
};

// Owned descriptors; closed on destruction.
class ListenSockets {
 public:
    // sockets[core][address]. Fails with start_error::address_in_use if somebody else listens there already:
    // that is tried without SO_REUSEPORT first, because with it two servers would silently share a port.
    // Waits up to two seconds for a port that is still being given up.
    // Port 0 stands for one that is free, the same on every core.
    static Result<ListenSockets> open(const std::vector<std::string>& addresses, unsigned cores);
    // The same of sockets that are open already, which it takes over and closes, whatever comes of it. Each
    // core has its own descriptor of each of them. The kernel wakes one waiting accept for a connection, and
    // the accepts of all cores wait in one line, each behind those that waited before it.
    static Result<ListenSockets> adopt(const std::vector<int>& passed, unsigned cores);
    ListenSockets() = default;
    ListenSockets(ListenSockets&&) noexcept = default;
    ListenSockets& operator=(ListenSockets&&) noexcept = default;
    ListenSockets(const ListenSockets&) = delete;
    ~ListenSockets();

    const std::vector<int>& of_core(unsigned core) const { return sockets_[core]; }
    // What is bound, in the order of open(): "ADDRESS:PORT", an IPv6 address in brackets.
    const std::vector<std::string>& addresses() const { return addresses_; }
    void close_core(unsigned core);  // from that core's thread, once its accepts have ended

 private:
    std::vector<std::vector<int>> sockets_;
    std::vector<std::string> addresses_;
};

}  // namespace ringmx::server
