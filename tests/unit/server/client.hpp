// A mail client for tests, with a plain blocking socket: it does exactly what it is told, and gives up after
// a bounded time. Nothing here looks at the server's inside.
#pragma once

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace ringmx::server::test {

constexpr int kPatienceSeconds = 20;  // a server that is silent for so long has failed the test

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

// Where a server listens that was told to choose.
constexpr const char* kFreePort = "127.0.0.1:0";
inline std::uint16_t port_of(const std::string& listening) {
    return static_cast<std::uint16_t>(std::stoi(listening.substr(listening.rfind(':') + 1)));
}

class Client {
 public:
    // `receive_buffer`: SO_RCVBUF; 0: the system's choice.
    explicit Client(std::uint16_t port, int receive_buffer = 0) {
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const timeval patience{kPatienceSeconds, 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (receive_buffer != 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(int));
        const sockaddr_in address = loopback(port);
        int result = 0;
        do {
            result = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        } while (result != 0 && errno == EINTR);
        if (result != 0) {
            close(fd_);
            throw std::runtime_error("cannot connect");
        }
    }
    ~Client() {
        if (fd_ >= 0) close(fd_);
    }
    Client(Client&& other) noexcept : fd_(other.fd_), input_(std::move(other.input_)) { other.fd_ = -1; }
    Client& operator=(Client&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(input_, other.input_);
        return *this;
    }

    // False: the server has cut the connection, or takes nothing any more.
    bool send(std::string_view octets) {
        while (!octets.empty()) {
            const ssize_t count = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return false;
            octets.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }

    // The next reply's code, all its lines read; 0: the connection has ended.
    int reply() {
        for (;;) {
            const std::string line = read_line();
            if (line.size() < 4) return 0;
            if (line[3] != '-') return std::stoi(line.substr(0, 3));
        }
    }
    int ask(std::string_view command) { return send(std::string(command) + "\r\n") ? reply() : 0; }

    // Whether the server ends the connection, whatever it says before.
    bool ends() {
        char octets[4096];
        for (;;) {
            const ssize_t count = recv(fd_, octets, sizeof octets, 0);
            if (count == 0) return true;
            if (count < 0 && errno != EINTR) return errno != EAGAIN;
        }
    }

    // Up to "354" of a message.
    bool begin_message() {
        return ask("MAIL FROM:<a@example.org>") == 250 && ask("RCPT TO:<b@example.com>") == 250 &&
               ask("DATA") == 354;
    }

    void shut() { shutdown(fd_, SHUT_WR); }
    void reset() {
        const linger at_once{1, 0};
        setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd_);
        fd_ = -1;
    }

 private:
    std::string read_line() {
        for (;;) {
            const std::size_t lf = input_.find('\n');
            if (lf != std::string::npos) {
                std::string line = input_.substr(0, lf);
                input_.erase(0, lf + 1);
                return line;
            }
            char octets[16384];
            const ssize_t count = recv(fd_, octets, sizeof octets, 0);
            // A socket with a timeout is not restarted by the kernel: the thread that tore a ring down is
            // told.
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return {};
            input_.append(octets, static_cast<std::size_t>(count));
        }
    }

    int fd_ = -1;
    std::string input_;
};

}  // namespace ringmx::server::test
