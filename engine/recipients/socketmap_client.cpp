#include "recipients/socketmap_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::int64_t kConnectNs = 5 * kNsPerSecond;

struct Address {
    sockaddr_storage storage{};
    socklen_t octets = 0;
    const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address unix_address(const std::string& path) {
    Address address;
    sockaddr_un one{};
    one.sun_family = AF_UNIX;
    std::memcpy(one.sun_path, path.data(), path.size());  // its length was checked at the start
    std::memcpy(&address.storage, &one, sizeof one);
    address.octets = sizeof one;
    return address;
}

Address internet_address(const PeerAddress& peer) {
    Address address;
    if (peer.family == PeerAddress::Family::ipv4) {
        sockaddr_in one{};
        one.sin_family = AF_INET;
        one.sin_port = htons(peer.port);
        std::memcpy(&one.sin_addr, peer.bytes.data(), sizeof one.sin_addr);
        std::memcpy(&address.storage, &one, sizeof one);
        address.octets = sizeof one;
        return address;
    }
    sockaddr_in6 one{};
    one.sin6_family = AF_INET6;
    one.sin6_port = htons(peer.port);
    std::memcpy(&one.sin6_addr, peer.bytes.data(), sizeof one.sin6_addr);
    std::memcpy(&address.storage, &one, sizeof one);
    address.octets = sizeof one;
    return address;
}

Address address_of(const SocketmapOptions& options) {
    return options.path.empty() ? internet_address(options.address) : unix_address(options.path);
}

std::string place_of(const SocketmapOptions& options) {
    if (!options.path.empty()) return "unix:" + options.path;
    std::array<char, 48> buffer;
    const std::string_view text = options.address.format(buffer);
    const std::string port = ":" + std::to_string(options.address.port);
    if (options.address.family == PeerAddress::Family::ipv6) return "inet:[" + std::string(text) + "]" + port;
    return "inet:" + std::string(text) + port;
}

}  // namespace

ServiceName name_of(const SocketmapOptions& options) {
    return {place_of(options), "map", options.map};
}

Result<std::unique_ptr<ServiceClient>> SocketmapClient::make(const SocketmapOptions& options,
                                                             ServiceDesk& desk) {
    if (options.path.size() >= sizeof(sockaddr_un{}.sun_path))
        return Error{ENAMETOOLONG, "a Unix socket's path has at most 107 octets: " + options.path};
    return std::unique_ptr<ServiceClient>(new SocketmapClient(options, desk));
}

SocketmapClient::SocketmapClient(const SocketmapOptions& options, ServiceDesk& desk)
    : options_(options), desk_(desk) {
    links_.resize(options.connections);
}

SocketmapClient::~SocketmapClient() {
    for (Link& link : links_)
        close(link);
}

// --- the turn
// ----------------------------------------------------------------------------------------------------------

void SocketmapClient::expire(std::int64_t now_ns) {
    for (Link& link : links_) {
        if (link.state == Link::State::asking && link.now.question.deadline_ns <= now_ns) {
            // Its answer may still come, and would be taken for that of the next question.
            desk_.troubled("no answer in time");
            desk_.answer(link.now, true);
            close(link);
        } else if (link.state == Link::State::connecting && link.deadline_ns <= now_ns) {
            close(link);
            desk_.failed(now_ns, "cannot be reached: timed out");
        }
    }
}

void SocketmapClient::assign(std::int64_t now_ns) {
    while (desk_.waiting() > 0) {
        Link* idle = nullptr;
        Link* closed = nullptr;
        std::size_t connecting = 0;
        for (Link& link : links_) {
            if (link.state == Link::State::idle && idle == nullptr) idle = &link;
            if (link.state == Link::State::closed && closed == nullptr) closed = &link;
            connecting += link.state == Link::State::connecting ? 1 : 0;
        }
        if (idle != nullptr) {
            begin(*idle, desk_.take(), now_ns);
        } else if (closed == nullptr || connecting >= desk_.waiting() || now_ns < desk_.retry_at_ns() ||
                   !connect(*closed, now_ns)) {
            return;
        }
    }
}

bool SocketmapClient::can_begin() const {
    return std::any_of(links_.begin(), links_.end(),
                       [](const Link& link) { return link.state == Link::State::closed; });
}

std::int64_t SocketmapClient::next_deadline_ns() const {
    std::int64_t until = INT64_MAX;
    for (const Link& link : links_) {
        if (link.state == Link::State::asking) until = std::min(until, link.now.question.deadline_ns);
        if (link.state == Link::State::connecting) until = std::min(until, link.deadline_ns);
    }
    return until;
}

void SocketmapClient::wait(int event, int timeout_ms) {
    polled_.assign(1, {event, POLLIN, 0});
    for (const Link& link : links_) {
        const bool writes = link.state == Link::State::connecting || link.sent < link.out.size();
        polled_.push_back({link.fd, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
    }
    poll(polled_.data(), polled_.size(), timeout_ms);
}

void SocketmapClient::serve(std::int64_t now_ns) {
    for (std::size_t i = 0; i < links_.size(); ++i) {
        const pollfd& of_link = polled_[i + 1];
        if (of_link.revents != 0 && of_link.fd == links_[i].fd) serve(links_[i], of_link.revents, now_ns);
    }
}

// --- connections
// -------------------------------------------------------------------------------------------------------

bool SocketmapClient::open_socket(Link& link) const {
    const Address address = address_of(options_);
    link.fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link.fd < 0) return false;
    if (address.storage.ss_family != AF_UNIX) {
        const int on = 1;
        setsockopt(link.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (::connect(link.fd, address.generic(), address.octets) == 0) {
        link.state = Link::State::idle;
        return true;
    }
    if (errno != EINPROGRESS) return false;
    link.state = Link::State::connecting;
    return true;
}

// False: not now.
bool SocketmapClient::connect(Link& link, std::int64_t now_ns) {
    link.proven = false;
    link.deadline_ns = now_ns + kConnectNs;
    if (open_socket(link)) return true;
    const int code = errno;
    close(link);
    desk_.failed(now_ns, std::string("cannot be reached: ") + std::strerror(code));
    return false;
}

void SocketmapClient::close(Link& link) {
    if (link.fd >= 0) ::close(link.fd);
    link.fd = -1;
    link.state = Link::State::closed;
    link.out.clear();
    link.sent = 0;
    link.reply.reset();
}

void SocketmapClient::serve(Link& link, short events, std::int64_t now_ns) {
    if (link.state == Link::State::connecting) {
        int code = 0;
        socklen_t octets = sizeof code;
        getsockopt(link.fd, SOL_SOCKET, SO_ERROR, &code, &octets);
        if (code != 0) {
            close(link);
            return desk_.failed(now_ns, std::string("cannot be reached: ") + std::strerror(code));
        }
        link.state = Link::State::idle;
        return;
    }
    if ((events & POLLOUT) != 0) send_more(link, now_ns);
    if (link.fd >= 0 && (events & ~POLLOUT) != 0) receive(link, now_ns);
}

void SocketmapClient::begin(Link& link, ServiceDesk::Waiting&& waiting, std::int64_t now_ns) {
    link.now = std::move(waiting);
    link.state = Link::State::asking;
    const auto key = link.now.question.open_key();
    RMX_ASSERT(key.has_value());
    send_question(link, *key, now_ns);
}

void SocketmapClient::send_question(Link& link, ServiceQuestion::Key key, std::int64_t now_ns) {
    policy::ShortText room;
    link.key = key;
    link.reply.reset();
    link.out.clear();
    link.sent = 0;
    append_question(link.out, options_.map, link.now.question.key(key, room));
    send_more(link, now_ns);
}

void SocketmapClient::send_more(Link& link, std::int64_t now_ns) {
    while (link.sent < link.out.size()) {
        const ssize_t sent =
            ::send(link.fd, link.out.data() + link.sent, link.out.size() - link.sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0) return lost(link, now_ns, std::strerror(errno));
        link.sent += static_cast<std::size_t>(sent);
    }
}

void SocketmapClient::receive(Link& link, std::int64_t now_ns) {
    std::array<char, 4096> buffer;
    const ssize_t got = recv(link.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) return lost(link, now_ns, got == 0 ? "it closed the connection" : std::strerror(errno));
    if (link.state != Link::State::asking) {
        close(link);
        return desk_.failed(now_ns, "it speaks without having been asked");
    }
    if (link.reply.feed({buffer.data(), static_cast<std::size_t>(got)})) answered(link, now_ns);
}

void SocketmapClient::answered(Link& link, std::int64_t now_ns) {
    ServiceQuestion& question = link.now.question;
    const std::string reason(link.reply.reason());
    switch (link.reply.answer()) {
        case SocketmapAnswer::ok:
        case SocketmapAnswer::not_found:
            desk_.works();
            link.proven = true;
            question.say(link.key, link.reply.answer() == SocketmapAnswer::ok);
            if (const auto next = question.open_key()) return send_question(link, *next, now_ns);
            desk_.answer(link.now, false);
            link.state = Link::State::idle;
            return;
        case SocketmapAnswer::temporary:
        case SocketmapAnswer::permanent:
            desk_.troubled((link.reply.answer() == SocketmapAnswer::temporary ? "answers TEMP or TIMEOUT: "
                                                                              : "answers PERM: ") +
                           reason);
            link.proven = true;
            desk_.answer(link.now, true);
            link.state = Link::State::idle;
            return;
        case SocketmapAnswer::malformed:
            desk_.answer(link.now, true);
            close(link);
            return desk_.failed(now_ns, "sent " + reason);
    }
}

// A service may close connections that it is done with; a question that was on its way is asked once more.
void SocketmapClient::lost(Link& link, std::int64_t now_ns, const std::string& why) {
    const bool was_asking = link.state == Link::State::asking;
    const bool proven = link.proven;
    const bool again = was_asking && !link.now.question.tried && !link.reply.begun();
    if (again) {
        link.now.question.tried = true;
        desk_.ask_again(std::move(link.now));
    } else if (was_asking) {
        desk_.answer(link.now, true);
    }
    close(link);
    if (!proven || (was_asking && !again)) desk_.failed(now_ns, why);
}

}  // namespace ringmx::recipients
