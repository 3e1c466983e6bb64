#include "admin/status.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/json.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/signal_mask.hpp"

namespace ringmx::admin {

namespace {

constexpr std::int64_t kClientDeadlineMs = 2000;    // for a request, and for taking its answer
constexpr std::size_t kAnswerBytesMax = 16u << 20;  // what a client believes of a server
constexpr int kBacklog = 16;
constexpr int kPauseMs = 50;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Error{ENAMETOOLONG, "admin.socket: a Unix socket's path has 1 to " +
                                       std::to_string(sizeof address.sun_path - 1) + " octets: " + path};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<int> connect_to(const std::string& path) {
    const Result<sockaddr_un> address = address_of(path);
    if (!address) return address.error();
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_error(errno, "socket");
    if (connect(fd, generic(*address), sizeof *address) != 0) {
        const int code = errno;
        close(fd);
        return system_error(code, path);
    }
    return fd;
}

// Makes way for bind: removes a socket file whose server is gone.
Status remove_stale(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return ok_status();  // bind will say what is wrong with the folder
    if (!S_ISSOCK(info.st_mode))
        return Error{EEXIST, "admin.socket: " + path + " exists and is not a socket"};
    const Result<int> other = connect_to(path);
    if (other) {
        close(*other);
        return Error{EADDRINUSE, "admin.socket: " + path + " is in use by another process"};
    }
    if (other.error().code != ECONNREFUSED)
        return Error{other.error().code, "admin.socket: " + other.error().message};
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
        return system_error(errno, "admin.socket: cannot replace " + path);
    return ok_status();
}

Result<int> listen_on(const std::string& path) {
    const Result<sockaddr_un> address = address_of(path);
    if (!address) return address.error();
    if (const Status ready = remove_stale(path); !ready) return ready.error();
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return system_error(errno, "socket");
    // The mode of the socket before bind becomes the mode of its file: there is no moment with a wider one.
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || bind(fd, generic(*address), sizeof *address) != 0 ||
        listen(fd, kBacklog) != 0) {
        const int code = errno;
        close(fd);
        return system_error(code, "admin.socket: cannot listen on " + path);
    }
    return fd;
}

std::uint64_t inode_of(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::int64_t now_ms() {
    return read_clock().mono_ns / (kNsPerSecond / 1000);
}

// Waits until `fd` is ready, the deadline has passed or `stop` is raised; true: ready.
bool wait_for(int fd, short events, std::int64_t deadline_ms, int stop) {
    for (;;) {
        const std::int64_t left = deadline_ms - now_ms();
        if (left <= 0) return false;
        std::array<pollfd, 2> fds = {{{fd, events, 0}, {stop, POLLIN, 0}}};
        const int ready = poll(fds.data(), fds.size(), static_cast<int>(left));
        if (ready < 0 && errno == EINTR) continue;
        return ready > 0 && fds[1].revents == 0;
    }
}

// A line without its LF, or nothing if none came in time or it is too long.
std::optional<std::string> read_line(int fd, std::int64_t deadline_ms, int stop) {
    std::string line;
    std::array<char, 512> buffer;
    while (wait_for(fd, POLLIN, deadline_ms, stop)) {
        const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return std::nullopt;
        line.append(buffer.data(), static_cast<std::size_t>(got));
        if (const std::size_t end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
        if (line.size() > limits::admin_request_bytes_max) return std::nullopt;
    }
    return std::nullopt;
}

bool write_all(int fd, std::string_view bytes, std::int64_t deadline_ms, int stop) {
    while (!bytes.empty()) {
        if (!wait_for(fd, POLLOUT, deadline_ms, stop)) return false;
        const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<StatusServer>> StatusServer::start(const std::string& path, Source status,
                                                          std::function<void()> reload) {
    const Result<int> listener = listen_on(path);
    if (!listener) return listener.error();
    const int stop_event = eventfd(0, EFD_CLOEXEC);
    if (stop_event < 0) {
        const int code = errno;
        close(*listener);
        unlink(path.c_str());
        return system_error(code, "eventfd");
    }
    return std::unique_ptr<StatusServer>(
        new StatusServer(path, *listener, stop_event, std::move(status), std::move(reload)));
}

StatusServer::StatusServer(std::string path, int listener, int stop_event, Source status,
                           std::function<void()> reload)
    : path_(std::move(path)),
      listener_(listener),
      stop_event_(stop_event),
      inode_(inode_of(path_)),
      status_(std::move(status)),
      reload_(std::move(reload)),
      thread_([this] { run(); }) {}

StatusServer::~StatusServer() {
    const std::uint64_t one = 1;
    RMX_ASSERT(write(stop_event_, &one, sizeof one) == sizeof one);
    thread_.join();
    if (inode_of(path_) == inode_) unlink(path_.c_str());
    close(listener_);
    close(stop_event_);
}

void StatusServer::run() {
    block_asynchronous_signals();
    pthread_setname_np(pthread_self(), "ringmx-status");
    for (;;) {
        std::array<pollfd, 2> fds = {{{listener_, POLLIN, 0}, {stop_event_, POLLIN, 0}}};
        if (poll(fds.data(), fds.size(), -1) < 0) continue;
        if (fds[1].revents != 0) return;
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) {
            poll(nullptr, 0, kPauseMs);  // out of descriptors: the client stays in the backlog
            continue;
        }
        serve(client);
        close(client);
    }
}

void StatusServer::serve(int client) {
    const auto request = read_line(client, now_ms() + kClientDeadlineMs, stop_event_);
    if (!request) return;
    write_all(client, answer(*request) + "\n", now_ms() + kClientDeadlineMs, stop_event_);
}

std::string StatusServer::answer(std::string_view request) const {
    if (request == "status") return status_();
    const bool reloads = request == "reload" && reload_;
    if (reloads) reload_();
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    if (reloads) {
        json.text("reload", "begun");
    } else {
        json.text("error", "unknown request");
    }
    json.end_object();
    return out;
}

Result<std::string> ask(const std::string& path, std::string_view request) {
    const Result<int> connected = connect_to(path);
    if (!connected) return connected.error();
    const int fd = *connected;
    const std::int64_t deadline_ms =
        now_ms() + 2 * kClientDeadlineMs + 1000;  // another client may be before us
    constexpr int no_stop = -1;                   // poll() ignores it
    const bool sent = write_all(fd, std::string(request) + "\n", deadline_ms, no_stop);
    std::string text;
    std::array<char, 16384> buffer;
    while (sent && text.size() < kAnswerBytesMax && wait_for(fd, POLLIN, deadline_ms, no_stop)) {
        const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    close(fd);
    if (text.empty() || text.back() != '\n') return Error{EPROTO, path + ": the server gave no whole answer"};
    text.pop_back();
    return text;
}

}  // namespace ringmx::admin
