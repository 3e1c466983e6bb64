#include "recipients/socketmap_service.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::int64_t kPauseLeastNs = 100 * kNsPerMs;
constexpr std::int64_t kPauseMostNs = 5 * kNsPerSecond;
constexpr std::int64_t kConnectNs = 5 * kNsPerSecond;
constexpr std::int64_t kTellAgainNs = 10 * kNsPerSecond;  // a service that is now well, now not
constexpr int kForEver = -1;

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

std::string name_of(const SocketmapOptions& options) {
    if (!options.path.empty()) return "unix:" + options.path;
    std::array<char, 48> buffer;
    const std::string_view text = options.address.format(buffer);
    const std::string port = ":" + std::to_string(options.address.port);
    if (options.address.family == PeerAddress::Family::ipv6) return "inet:[" + std::string(text) + "]" + port;
    return "inet:" + std::string(text) + port;
}

std::int64_t now() {
    return read_clock().mono_ns;
}

}  // namespace

// --- the cores' side
// ---------------------------------------------------------------------------------------------------

Result<std::unique_ptr<SocketmapService>> SocketmapService::start(const SocketmapOptions& options,
                                                                  admin::CoreCounters& counters,
                                                                  admin::Log& log) {
    if (options.path.size() >= sizeof(sockaddr_un{}.sun_path))
        return Error{ENAMETOOLONG, "a Unix socket's path has at most 107 octets: " + options.path};
    std::unique_ptr<SocketmapService> service(new SocketmapService(options, counters, log));
    if (service->event_.get() < 0) return system_error(errno, "eventfd");
    service->thread_ = std::thread([started = service.get()] { started->run(); });
    return service;
}

SocketmapService::SocketmapService(const SocketmapOptions& options, admin::CoreCounters& counters,
                                   admin::Log& log)
    : options_(options), name_(name_of(options)), counters_(counters), log_(log) {
    for (unsigned core = 0; core < options.cores; ++core)
        ports_.push_back(std::make_unique<Port>(std::bit_ceil(options.questions_max)));
    links_.resize(options.connections);
}

SocketmapService::~SocketmapService() {
    stopping_.store(true, std::memory_order_release);
    event_.signal();
    if (thread_.joinable()) thread_.join();
    for (Link& link : links_)
        close(link);
}

void SocketmapService::attach(unsigned core, policy::Answers& answers) {
    const std::lock_guard lock(ports_[core]->mutex);
    ports_[core]->waker = &answers;
}

void SocketmapService::detach(unsigned core) {
    const std::lock_guard lock(ports_[core]->mutex);
    ports_[core]->waker = nullptr;
}

void SocketmapService::ask(unsigned core, const SocketmapQuestion& question) {
    auto& questions = ports_[core]->questions;
    const bool taken = questions.push(question);
    RMX_ASSERT(taken);
    questions.publish();
    if (sleeping_.claim_wake()) event_.signal();
}

std::size_t SocketmapService::collect(unsigned core, std::span<SocketmapQuestion> answers) {
    return ports_[core]->answers.pop(answers);
}

// --- the thread
// --------------------------------------------------------------------------------------------------------

void SocketmapService::run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "ringmx-lookup");
    while (!stopping_.load(std::memory_order_acquire)) {
        std::int64_t now_ns = now();
        take_questions();
        expire(now_ns);
        assign(now_ns);
        publish();
        polled_.assign(1, {event_.get(), POLLIN, 0});
        for (const Link& link : links_) {
            const bool writes = link.state == Link::State::connecting || link.sent < link.out.size();
            polled_.push_back({link.fd, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
        }
        sleeping_.announce();
        const int timeout =
            questions_wait() || stopping_.load(std::memory_order_acquire) ? 0 : wait_ms(now_ns);
        poll(polled_.data(), polled_.size(), timeout);
        sleeping_.awake();
        if (polled_[0].revents != 0) event_.drain();
        now_ns = now();
        for (std::size_t i = 0; i < links_.size(); ++i) {
            const pollfd& of_link = polled_[i + 1];
            if (of_link.revents != 0 && of_link.fd == links_[i].fd) serve(links_[i], of_link.revents, now_ns);
        }
    }
}

bool SocketmapService::questions_wait() const {
    return std::any_of(ports_.begin(), ports_.end(),
                       [](const auto& port) { return !port->questions.empty(); });
}

void SocketmapService::take_questions() {
    for (unsigned core = 0; core < ports_.size(); ++core) {
        Waiting waiting;
        waiting.core = core;
        while (ports_[core]->questions.pop(std::span(&waiting.question, 1)) == 1)
            waiting_.push_back(waiting);
    }
}

void SocketmapService::expire(std::int64_t now_ns) {
    while (!waiting_.empty() && waiting_.front().question.deadline_ns <= now_ns) {
        troubled("no answer in time");
        answer(waiting_.front(), true);
        waiting_.pop_front();
    }
    for (Link& link : links_) {
        if (link.state == Link::State::asking && link.now.question.deadline_ns <= now_ns) {
            // Its answer may still come, and would be taken for that of the next question.
            troubled("no answer in time");
            answer(link.now, true);
            close(link);
        } else if (link.state == Link::State::connecting && link.deadline_ns <= now_ns) {
            close(link);
            failed(now_ns, "cannot be reached: timed out");
        }
    }
}

void SocketmapService::assign(std::int64_t now_ns) {
    while (!waiting_.empty()) {
        Link* idle = nullptr;
        Link* closed = nullptr;
        std::size_t connecting = 0;
        for (Link& link : links_) {
            if (link.state == Link::State::idle && idle == nullptr) idle = &link;
            if (link.state == Link::State::closed && closed == nullptr) closed = &link;
            connecting += link.state == Link::State::connecting ? 1 : 0;
        }
        if (idle != nullptr) {
            Waiting first = std::move(waiting_.front());
            waiting_.pop_front();
            begin(*idle, std::move(first), now_ns);
        } else if (closed == nullptr || connecting >= waiting_.size() || now_ns < retry_at_ns_ ||
                   !connect(*closed, now_ns)) {
            return;
        }
    }
}

int SocketmapService::wait_ms(std::int64_t now_ns) const {
    std::int64_t until = INT64_MAX;
    if (!waiting_.empty()) {
        until = waiting_.front().question.deadline_ns;
        const bool may_connect = std::any_of(
            links_.begin(), links_.end(), [](const Link& link) { return link.state == Link::State::closed; });
        if (may_connect && retry_at_ns_ > now_ns) until = std::min(until, retry_at_ns_);
    }
    for (const Link& link : links_) {
        if (link.state == Link::State::asking) until = std::min(until, link.now.question.deadline_ns);
        if (link.state == Link::State::connecting) until = std::min(until, link.deadline_ns);
    }
    if (until == INT64_MAX) return kForEver;
    return static_cast<int>(std::clamp<std::int64_t>((until - now_ns) / kNsPerMs + 1, 0, 60'000));
}

// Shows the answers to their cores, with one wake-up for each core.
void SocketmapService::publish() {
    for (const auto& port : ports_) {
        if (!port->answers.publish()) continue;
        const std::lock_guard lock(port->mutex);
        if (port->waker != nullptr) port->waker->wake();
    }
}

void SocketmapService::answer(Waiting& waiting, bool unavailable) {
    waiting.question.unavailable = unavailable;
    const bool taken = ports_[waiting.core]->answers.push(waiting.question);
    RMX_ASSERT(taken);
}

// --- connections
// -------------------------------------------------------------------------------------------------------

bool SocketmapService::open_socket(Link& link) const {
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
bool SocketmapService::connect(Link& link, std::int64_t now_ns) {
    link.proven = false;
    link.deadline_ns = now_ns + kConnectNs;
    if (open_socket(link)) return true;
    const int code = errno;
    close(link);
    failed(now_ns, std::string("cannot be reached: ") + std::strerror(code));
    return false;
}

void SocketmapService::close(Link& link) {
    if (link.fd >= 0) ::close(link.fd);
    link.fd = -1;
    link.state = Link::State::closed;
    link.out.clear();
    link.sent = 0;
    link.reply.reset();
}

void SocketmapService::serve(Link& link, short events, std::int64_t now_ns) {
    if (link.state == Link::State::connecting) {
        int code = 0;
        socklen_t octets = sizeof code;
        getsockopt(link.fd, SOL_SOCKET, SO_ERROR, &code, &octets);
        if (code != 0) {
            close(link);
            return failed(now_ns, std::string("cannot be reached: ") + std::strerror(code));
        }
        link.state = Link::State::idle;
        return;
    }
    if ((events & POLLOUT) != 0) send_more(link, now_ns);
    if (link.fd >= 0 && (events & ~POLLOUT) != 0) receive(link, now_ns);
}

void SocketmapService::begin(Link& link, Waiting&& waiting, std::int64_t now_ns) {
    link.now = std::move(waiting);
    link.state = Link::State::asking;
    const auto key = link.now.question.open_key();
    RMX_ASSERT(key.has_value());
    send_question(link, *key, now_ns);
}

void SocketmapService::send_question(Link& link, SocketmapQuestion::Key key, std::int64_t now_ns) {
    policy::ShortText room;
    link.key = key;
    link.reply.reset();
    link.out.clear();
    link.sent = 0;
    append_question(link.out, options_.map, link.now.question.key(key, room));
    send_more(link, now_ns);
}

void SocketmapService::send_more(Link& link, std::int64_t now_ns) {
    while (link.sent < link.out.size()) {
        const ssize_t sent =
            ::send(link.fd, link.out.data() + link.sent, link.out.size() - link.sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0) return lost(link, now_ns, std::strerror(errno));
        link.sent += static_cast<std::size_t>(sent);
    }
}

void SocketmapService::receive(Link& link, std::int64_t now_ns) {
    std::array<char, 4096> buffer;
    const ssize_t got = recv(link.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) return lost(link, now_ns, got == 0 ? "it closed the connection" : std::strerror(errno));
    if (link.state != Link::State::asking) {
        close(link);
        return failed(now_ns, "it speaks without having been asked");
    }
    if (link.reply.feed({buffer.data(), static_cast<std::size_t>(got)})) answered(link, now_ns);
}

void SocketmapService::answered(Link& link, std::int64_t now_ns) {
    using Said = SocketmapQuestion::Said;
    SocketmapQuestion& question = link.now.question;
    const std::string reason(link.reply.reason());
    switch (link.reply.answer()) {
        case SocketmapAnswer::ok:
        case SocketmapAnswer::not_found:
            works();
            link.proven = true;
            question.fresh[link.key] = true;
            question.said[link.key] = link.reply.answer() == SocketmapAnswer::ok ? Said::yes : Said::no;
            if (const auto next = question.open_key()) return send_question(link, *next, now_ns);
            answer(link.now, false);
            link.state = Link::State::idle;
            return;
        case SocketmapAnswer::temporary:
        case SocketmapAnswer::permanent:
            troubled((link.reply.answer() == SocketmapAnswer::temporary ? "answers TEMP or TIMEOUT: "
                                                                        : "answers PERM: ") +
                     reason);
            link.proven = true;
            answer(link.now, true);
            link.state = Link::State::idle;
            return;
        case SocketmapAnswer::malformed:
            answer(link.now, true);
            close(link);
            return failed(now_ns, "sent " + reason);
    }
}

// A service may close connections that it is done with; a question that was on its way is asked once more.
void SocketmapService::lost(Link& link, std::int64_t now_ns, const std::string& why) {
    const bool was_asking = link.state == Link::State::asking;
    const bool proven = link.proven;
    const bool again = was_asking && !link.now.question.tried && !link.reply.begun();
    if (again) {
        link.now.question.tried = true;
        waiting_.push_front(std::move(link.now));
    } else if (was_asking) {
        answer(link.now, true);
    }
    close(link);
    if (!proven || (was_asking && !again)) failed(now_ns, why);
}

// --- trouble
// -----------------------------------------------------------------------------------------------------------

// No connection is made for a while, longer each time.
void SocketmapService::failed(std::int64_t now_ns, const std::string& why) {
    pause_ns_ = std::clamp(2 * pause_ns_, kPauseLeastNs, kPauseMostNs);
    retry_at_ns_ = now_ns + pause_ns_;
    troubled(why);
}

void SocketmapService::troubled(const std::string& why) {
    counters_.recipients_service_errors.add(1);
    const std::int64_t now_ns = now();
    if (in_trouble_ || now_ns < tell_again_ns_) return;
    in_trouble_ = true;
    tell_again_ns_ = now_ns + kTellAgainNs;
    log_.event(admin::LogLevel::warning, "recipients_service", name_ + " " + why, {{"map", options_.map}});
}

void SocketmapService::works() {
    pause_ns_ = 0;
    retry_at_ns_ = 0;
    if (!std::exchange(in_trouble_, false)) return;
    log_.event(admin::LogLevel::info, "recipients_service", name_ + " answers again",
               {{"map", options_.map}});
}

}  // namespace ringmx::recipients
