#include "probe.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace ringmx::load {
namespace {

constexpr std::size_t kReplyOctetsMax = 64u << 10;

class Connection {
 public:
    Connection() = default;
    ~Connection() {
        if (fd_ >= 0) close(fd_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Status open(const Target& target, double timeout_s) {
        fd_ = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd_ < 0) return system_error(errno, "socket");
        const double whole_s = std::floor(timeout_s);
        const timeval patience{.tv_sec = static_cast<time_t>(whole_s),
                               .tv_usec = static_cast<suseconds_t>((timeout_s - whole_s) * 1e6)};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd_, reinterpret_cast<const sockaddr*>(&target.address), target.address_octets) != 0) {
            return system_error(errno == EINPROGRESS ? ETIMEDOUT : errno, "connecting to " + target.text);
        }
        return ok_status();
    }
    Status send(std::string_view text) {
        const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
        return sent == static_cast<ssize_t>(text.size()) ? ok_status() : Status(system_error(errno, "send"));
    }
    // A whole reply, all its lines.
    Result<std::string> reply(const char* to) {
        std::string text;
        for (std::size_t line = 0;;) {
            const std::size_t end = rest_.find('\n');
            if (end != std::string::npos) {
                text += rest_.substr(0, end + 1);
                const bool more = text.size() > line + 3 && text[line + 3] == '-';
                line = text.size();
                rest_.erase(0, end + 1);
                if (!more) return text;
                continue;
            }
            if (text.size() + rest_.size() > kReplyOctetsMax) {
                return Error{EPROTO, std::string("the reply to ") + to + " does not end"};
            }
            char buffer[4096];
            const ssize_t count = recv(fd_, buffer, sizeof buffer, 0);
            if (count == 0) return Error{ECONNRESET, std::string("the server closed instead of ") + to};
            if (count < 0) {
                return system_error(errno == EAGAIN ? ETIMEDOUT : errno, std::string("waiting for ") + to);
            }
            rest_.append(buffer, static_cast<std::size_t>(count));
        }
    }

 private:
    int fd_ = -1;
    std::string rest_;
};

std::string first_line(const std::string& reply) {
    return reply.substr(0, reply.find_first_of("\r\n"));
}

std::string upper(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return out;
}

}  // namespace

Capabilities parse_ehlo(std::string_view reply) {
    Capabilities server;
    for (bool first = true; !reply.empty(); first = false) {
        const std::size_t end = std::min(reply.find('\n'), reply.size() - 1);
        std::string_view line = reply.substr(0, end + 1);
        reply.remove_prefix(end + 1);
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
            line.remove_suffix(1);
        if (first || line.size() < 5) continue;
        line.remove_prefix(4);
        const std::size_t space = line.find(' ');
        const std::string keyword = upper(line.substr(0, space));
        if (keyword == "PIPELINING") server.pipelining = true;
        if (keyword == "CHUNKING") server.chunking = true;
        if (keyword == "SIZE" && space != std::string_view::npos) {
            const std::string_view value = line.substr(space + 1);
            std::from_chars(value.data(), value.data() + value.size(), server.size_max);
        }
    }
    return server;
}

Result<Capabilities> probe_server(const Target& target, const std::string& hello, double timeout_s) {
    Connection connection;
    if (const Status opened = connection.open(target, timeout_s); !opened) return opened.error();
    const auto banner = connection.reply("a greeting");
    if (!banner) return banner.error();
    if (!banner->starts_with("220")) return Error{EPROTO, "the server greets with: " + first_line(*banner)};
    if (const Status sent = connection.send("EHLO " + hello + "\r\n"); !sent) return sent.error();
    auto reply = connection.reply("an answer to EHLO");
    if (!reply) return reply.error();
    Capabilities server;
    if (reply->starts_with('2')) {
        server = parse_ehlo(*reply);
    } else {
        server.helo = true;
        if (const Status sent = connection.send("HELO " + hello + "\r\n"); !sent) return sent.error();
        const auto helo = connection.reply("an answer to HELO");
        if (!helo) return helo.error();
        if (!helo->starts_with('2')) {
            return Error{EPROTO, "the server refuses EHLO (" + first_line(*reply) + ") and HELO (" +
                                     first_line(*helo) + ")"};
        }
    }
    const std::string line = first_line(*banner);
    server.banner = line.substr(std::min<std::size_t>(4, line.size()));
    if (connection.send("QUIT\r\n")) (void)connection.reply("an answer to QUIT");
    return server;
}

}  // namespace ringmx::load
