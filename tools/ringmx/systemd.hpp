// What systemd and the server say to each other: sockets that are passed in (sd_listen_fds(3)) and the state
// that is told (sd_notify(3)). Both are a few environment variables and a datagram, which the manual pages
// specify for programs that do not link libsystemd; without those variables all of this does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "server/listener.hpp"

namespace ringmx::tools {

// The sockets of LISTEN_FDS, if they are meant for this process; empty: none. Those with the name
// (FileDescriptorName=) "tls" or "smtps" are for TLS from the first octet, any other for SMTP in clear. The
// variables are taken out of the environment.
Result<std::vector<server::PassedSocket>> passed_sockets();

// The service manager, as $NOTIFY_SOCKET names it.
class ServiceManager {
 public:
    ServiceManager();
    ~ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    bool listens() const { return socket_ >= 0; }
    void ready(const std::string& status);
    void reloading();
    // `most`: how long the end may take.
    void stopping(std::chrono::seconds most);
    void still_alive();  // WATCHDOG=1
    // How often it wants to hear that (half of WATCHDOG_USEC); nothing: not at all.
    std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }

 private:
    void tell(const std::string& state);

    int socket_ = -1;
    std::optional<std::chrono::milliseconds> watchdog_;
};

}  // namespace ringmx::tools
