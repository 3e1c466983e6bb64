#include "systemd.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

namespace ringmx::tools {

namespace {

constexpr int kFirstSocket = 3;  // SD_LISTEN_FDS_START
constexpr long kSocketsMax = 1024;
constexpr std::uint64_t kWatchdogUsMax = std::uint64_t{86400} * 1000 * 1000;

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    unsetenv(name);
    return text;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || text.empty() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Whether the variable names this process; absent: whoever reads it.
bool is_for_us(const std::string& pid) {
    return pid.empty() || number_of<pid_t>(pid) == getpid();
}

}  // namespace

Result<std::vector<server::PassedSocket>> passed_sockets() {
    const std::string pid = take_variable("LISTEN_PID");
    const std::string count_text = take_variable("LISTEN_FDS");
    const std::string names = take_variable("LISTEN_FDNAMES");
    std::vector<server::PassedSocket> sockets;
    if (pid.empty() || count_text.empty() || !is_for_us(pid)) return sockets;
    const auto count = number_of<long>(count_text);
    if (!count || *count < 0 || *count > kSocketsMax)
        return Error{0, "LISTEN_FDS=" + count_text + " is not a number of sockets"};
    std::string_view rest = names;
    for (int fd = kFirstSocket; fd < kFirstSocket + *count; ++fd) {
        const std::string_view name = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        sockets.push_back({fd, name == "tls" || name == "smtps"});
    }
    return sockets;
}

ServiceManager::ServiceManager() {
    const std::string path = take_variable("NOTIFY_SOCKET");
    const std::string watchdog_pid = take_variable("WATCHDOG_PID");
    const std::string watchdog = take_variable("WATCHDOG_USEC");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
    const auto length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '/' ? 1 : 0));
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_ >= 0 && connect(socket_, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        ::close(socket_);
        socket_ = -1;
    }
    const auto interval_us = number_of<std::uint64_t>(watchdog);
    if (socket_ < 0 || !interval_us || *interval_us == 0 || !is_for_us(watchdog_pid)) return;
    const std::uint64_t half_ms = std::min(*interval_us, kWatchdogUsMax) / 2 / 1000;
    watchdog_ = std::chrono::milliseconds(std::max<std::uint64_t>(half_ms, 1));
}

ServiceManager::~ServiceManager() {
    if (socket_ >= 0) ::close(socket_);
}

void ServiceManager::ready(const std::string& status) {
    tell("READY=1\nSTATUS=" + status);
}

void ServiceManager::reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t us = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us) + "\nSTATUS=loading certificates and log anew");
}

void ServiceManager::stopping(std::chrono::seconds most) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(most).count();
    tell("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(us) +
         "\nSTATUS=draining: mail data in progress is finished");
}

void ServiceManager::still_alive() {
    tell("WATCHDOG=1");
}

// A manager that does not listen is no reason to wait, nor to end.
void ServiceManager::tell(const std::string& state) {
    if (socket_ < 0) return;
    while (send(socket_, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) {
    }
}

}  // namespace ringmx::tools
