#include "lmtp/connection.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringmx::lmtp {
namespace {

constexpr std::size_t kPiecesMax = 64;      // of one sendmsg
constexpr std::size_t kReadOctets = 16384;  // at a time
constexpr std::size_t kWritesPerTurn = 16;  // then the other connections have their turn

std::string error_text(int error) {
    return std::generic_category().message(error);
}

bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

void Connection::open(std::int64_t now_ns) {
    client_ = std::make_unique<Client>(options_.client);
    was_ready_ = false;
    transactions_ = 0;
    next_address_ = 0;
    opened_ns_ = progress_ns_ = now_ns;
    failure_.clear();
    addresses_ = resolve(options_.address, failure_);
    try_next_address(now_ns);
}

void Connection::try_next_address(std::int64_t now_ns) {
    close();
    while (next_address_ < addresses_.size()) {
        const SocketAddress& address = addresses_[next_address_++];
        fd_ = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd_ < 0) {
            failure_ = error_text(errno);
            continue;
        }
        const int status = connect(fd_, reinterpret_cast<const sockaddr*>(&address.storage), address.octets);
        if (status == 0) {
            on_connected();
            return;
        }
        // A Unix socket whose backlog is full says EAGAIN, and nothing would come of waiting for it.
        connecting_ = errno == EINPROGRESS;
        if (connecting_) return;
        failure_ = error_text(errno);
        close();
    }
    progress_ns_ = now_ns;
    client_->fail(failure_);
}

void Connection::on_connected() {
    connecting_ = false;
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // refused by a Unix socket, which needs none
    setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

short Connection::events() const {
    if (connecting_) return POLLOUT;
    return client_->outgoing().empty() ? POLLIN : POLLIN | POLLOUT;
}

void Connection::on_events(short events, std::int64_t now_ns) {
    if (connecting_) {
        if ((events & (POLLOUT | POLLERR | POLLHUP)) == 0) return;
        int error = 0;
        socklen_t octets = sizeof error;
        getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &octets);
        if (error != 0) {
            failure_ = error_text(error);
            return try_next_address(now_ns);
        }
        on_connected();
        return;
    }
    if ((events & (POLLIN | POLLERR | POLLHUP)) != 0) read_all(now_ns);
    if (fd_ >= 0 && (events & POLLOUT) != 0) write_all(now_ns);
}

void Connection::read_all(std::int64_t now_ns) {
    std::array<char, kReadOctets> buffer;
    while (fd_ >= 0) {
        const ssize_t octets = recv(fd_, buffer.data(), buffer.size(), 0);
        if (octets < 0 && would_block(errno)) return;
        if (octets < 0) return fail(error_text(errno));
        if (octets == 0) return fail("the server closed the connection");
        progress_ns_ = now_ns;
        client_->feed({buffer.data(), static_cast<std::size_t>(octets)});
        after_input(now_ns);
    }
}

void Connection::after_input(std::int64_t now_ns) {
    if (client_->state() == Client::State::failed) return fail(client_->failure());
    was_ready_ = was_ready_ || client_->state() >= Client::State::ready;
    // Most of what the client wants to send now, the socket takes at once.
    write_all(now_ns);
}

void Connection::write_all(std::int64_t now_ns) {
    std::array<iovec, kPiecesMax> pieces;
    for (std::size_t turn = 0; turn < kWritesPerTurn && !client_->outgoing().empty(); ++turn) {
        msghdr header{};
        header.msg_iov = pieces.data();
        header.msg_iovlen = client_->outgoing().gather(pieces);
        const ssize_t octets = sendmsg(fd_, &header, MSG_NOSIGNAL);
        if (octets < 0 && would_block(errno)) return;
        if (octets < 0) {
            // The server may have said why before it closed: what there is to be read comes first.
            const int error = errno;
            client_->outgoing().clear();
            std::array<char, kReadOctets> buffer;
            ssize_t last = 0;
            while ((last = recv(fd_, buffer.data(), buffer.size(), 0)) > 0)
                client_->feed({buffer.data(), static_cast<std::size_t>(last)});
            return fail(client_->failure().empty() ? error_text(error) : client_->failure());
        }
        progress_ns_ = now_ns;
        client_->outgoing().sent(static_cast<std::size_t>(octets));
        if (client_->outgoing().empty()) client_->drained();
    }
}

std::optional<std::int64_t> Connection::deadline_ns() const {
    if (fd_ < 0 || client_->ready()) return std::nullopt;
    if (opening()) return opened_ns_ + options_.connect_timeout_ns;
    const bool delivering = client_->state() == Client::State::results && client_->outgoing().empty();
    return progress_ns_ + (delivering ? options_.delivery_timeout_ns : options_.command_timeout_ns);
}

void Connection::on_time(std::int64_t now_ns) {
    const auto deadline = deadline_ns();
    if (deadline && now_ns >= *deadline) fail("the server took too long");
}

void Connection::begin(const plugin::Message& message, std::vector<std::uint32_t> recipients,
                       std::int64_t now_ns) {
    ++transactions_;
    progress_ns_ = now_ns;
    client_->begin(message, std::move(recipients));
    write_all(now_ns);
}

void Connection::quit() {
    if (fd_ >= 0 && ready()) {
        static constexpr std::string_view command = "QUIT\r\n";
        // Courtesy only: if the socket does not take it, the server sees the end of the connection.
        [[maybe_unused]] const ssize_t sent = send(fd_, command.data(), command.size(), MSG_NOSIGNAL);
    }
    close();
}

void Connection::fail(std::string_view reason) {
    failure_ = reason;
    client_->fail(reason);
    close();
}

void Connection::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    connecting_ = false;
}

}  // namespace ringmx::lmtp
