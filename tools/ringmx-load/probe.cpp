#include "probe.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <memory>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tls_stream.hpp"

namespace ringmx::load {
namespace {

constexpr std::size_t kReplyOctetsMax = 64u << 10;

std::string first_line(const std::string& reply) {
    return reply.substr(0, reply.find_first_of("\r\n"));
}

class Connection {
 public:
    explicit Connection(const Target& target) : target_(target) {}
    ~Connection() {
        if (fd_ >= 0) close(fd_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Status open(double timeout_s);
    Status send(std::string_view text);
    // A whole reply, all its lines.
    Result<std::string> reply(const char* to);
    // From here on everything goes through TLS.
    Status begin_tls(const TlsContext& context);
    std::string tls_parameters() const { return stream_ ? stream_->parameters() : ""; }

 private:
    Status send_octets(std::string_view octets);
    Status receive(const std::string& awaited);
    Result<TlsEvent> through_tls();
    Status decrypt(const std::string& awaited);

    const Target& target_;
    int fd_ = -1;
    std::string rest_;                   // plaintext behind the last reply
    std::string records_;                // as they came, while the stream reads them
    std::unique_ptr<TlsStream> stream_;  // none: no TLS
};

Status Connection::open(double timeout_s) {
    fd_ = socket(target_.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return system_error(errno, "socket");
    const double whole_s = std::floor(timeout_s);
    const timeval patience{.tv_sec = static_cast<time_t>(whole_s),
                           .tv_usec = static_cast<suseconds_t>((timeout_s - whole_s) * 1e6)};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&target_.address), target_.address_octets) != 0) {
        return system_error(errno == EINPROGRESS ? ETIMEDOUT : errno, "connecting to " + target_.text);
    }
    return ok_status();
}

Status Connection::send_octets(std::string_view octets) {
    const ssize_t sent = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(octets.size()) ? ok_status() : Status(system_error(errno, "send"));
}

Status Connection::send(std::string_view text) {
    if (!stream_) return send_octets(text);
    if (!stream_->encrypt(text)) return Error{EPROTO, "TLS: " + stream_->failure_text()};
    return send_octets(std::exchange(stream_->output(), {}));
}

Result<std::string> Connection::reply(const char* to) {
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
        const Status received = stream_ ? decrypt(to) : receive(to);
        if (!received) return received.error();
    }
}

// Octets from the socket: into the plaintext, or with TLS into the stream.
Status Connection::receive(const std::string& awaited) {
    char buffer[4096];
    const ssize_t count = recv(fd_, buffer, sizeof buffer, 0);
    if (count == 0) return Error{ECONNRESET, "the server closed instead of " + awaited};
    if (count < 0) return system_error(errno == EAGAIN ? ETIMEDOUT : errno, "waiting for " + awaited);
    if (!stream_) {
        rest_.append(buffer, static_cast<std::size_t>(count));
        return ok_status();
    }
    records_.assign(buffer, static_cast<std::size_t>(count));
    stream_->feed(records_);
    return ok_status();
}

// One event of the stream; what it has to say goes out.
Result<TlsEvent> Connection::through_tls() {
    const auto room = std::make_unique<char[]>(TlsStream::kTextMax);
    std::string_view text;
    const TlsEvent event = stream_->receive(room.get(), text);
    rest_ += text;
    if (!stream_->output().empty()) {
        const Status sent = send_octets(std::exchange(stream_->output(), {}));
        if (!sent && event != TlsEvent::failed) return sent.error();
    }
    if (event == TlsEvent::failed) return Error{EPROTO, stream_->failure_text()};
    return event;
}

Status Connection::decrypt(const std::string& awaited) {
    const auto event = through_tls();
    if (!event) return event.error();
    if (*event == TlsEvent::end) return Error{ECONNRESET, "the server ended TLS instead of " + awaited};
    return *event == TlsEvent::starved ? receive(awaited) : ok_status();
}

Status Connection::begin_tls(const TlsContext& context) {
    if (!rest_.empty()) {
        return Error{EPROTO, "the server sent plaintext behind its reply to STARTTLS (RFC 3207 §6): " +
                                 first_line(rest_)};
    }
    stream_ = std::make_unique<TlsStream>();
    if (!stream_->open(context, false)) return Error{ENOMEM, "OpenSSL is out of memory"};
    const auto refused = [this](const Error& error) {
        return Error{error.code, "no TLS with " + target_.text + ": " + error.message};
    };
    for (;;) {
        const auto event = through_tls();
        if (!event) return refused(event.error());
        if (*event == TlsEvent::handshake_over) return ok_status();
        const Status received = receive("its part of the handshake");
        if (!received) return refused(received.error());
    }
}

std::string upper(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return out;
}

// EHLO, or HELO when that is refused.
Result<Capabilities> say_hello(Connection& connection, const std::string& name) {
    if (const Status sent = connection.send("EHLO " + name + "\r\n"); !sent) return sent.error();
    const auto reply = connection.reply("an answer to EHLO");
    if (!reply) return reply.error();
    if (reply->starts_with('2')) return parse_ehlo(*reply);
    if (const Status sent = connection.send("HELO " + name + "\r\n"); !sent) return sent.error();
    const auto helo = connection.reply("an answer to HELO");
    if (!helo) return helo.error();
    if (!helo->starts_with('2')) {
        return Error{EPROTO, "the server refuses EHLO (" + first_line(*reply) + ") and HELO (" +
                                 first_line(*helo) + ")"};
    }
    Capabilities server;
    server.helo = true;
    return server;
}

Status start_tls(Connection& connection, const Capabilities& server, const TlsContext& context) {
    if (!server.starttls) {
        return Error{EPROTO, "the server does not offer STARTTLS (RFC 3207): --tls starttls is not possible"};
    }
    if (const Status sent = connection.send("STARTTLS\r\n"); !sent) return sent.error();
    const auto reply = connection.reply("an answer to STARTTLS");
    if (!reply) return reply.error();
    if (!reply->starts_with("220")) {
        return Error{EPROTO, "the server refuses STARTTLS: " + first_line(*reply)};
    }
    return connection.begin_tls(context);
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
        if (keyword == "STARTTLS") server.starttls = true;
        if (keyword == "SIZE" && space != std::string_view::npos) {
            const std::string_view value = line.substr(space + 1);
            std::from_chars(value.data(), value.data() + value.size(), server.size_max);
        }
    }
    return server;
}

Result<Capabilities> probe_server(const Options& options, double timeout_s) {
    std::unique_ptr<TlsContext> context;
    if (options.tls != Tls::off) {
        auto made = TlsContext::create(options);
        if (!made) return made.error();
        context = std::move(*made);
    }
    Connection connection(options.target);
    if (const Status opened = connection.open(timeout_s); !opened) return opened.error();
    if (options.tls == Tls::implicit) {
        if (const Status secure = connection.begin_tls(*context); !secure) return secure.error();
    }
    const auto banner = connection.reply("a greeting");
    if (!banner) return banner.error();
    if (!banner->starts_with("220")) return Error{EPROTO, "the server greets with: " + first_line(*banner)};
    auto server = say_hello(connection, options.hello);
    if (server && options.tls == Tls::starttls) {
        if (const Status secure = start_tls(connection, *server, *context); !secure) return secure.error();
        server = say_hello(connection, options.hello);
    }
    if (!server) return server.error();
    const std::string line = first_line(*banner);
    server->banner = line.substr(std::min<std::size_t>(4, line.size()));
    server->tls = connection.tls_parameters();
    if (connection.send("QUIT\r\n")) (void)connection.reply("an answer to QUIT");
    return server;
}

}  // namespace ringmx::load
