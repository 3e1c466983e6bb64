#include "server/core.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"

namespace ringmx::server {

namespace {

constexpr std::int64_t kTickNs = 250 * kNsPerMs;
constexpr std::int64_t kAbandonWaitNs = 5 * kNsPerSecond;
constexpr std::int64_t kAcceptPauseNs = 100 * kNsPerMs;  // after an error that would come again at once
constexpr unsigned kStorageRounds = 4;
constexpr std::uint32_t kSpareSlots =
    1024;  // descriptors that are not connections: listeners, files, the log
constexpr std::size_t kTrimBytesMax = std::size_t{4} << 20;

// What epoll_event::data names besides a connection's descriptor. Descriptors are smaller.
constexpr std::uint64_t kListener = std::uint64_t{1} << 32;
constexpr std::uint64_t kWake = std::uint64_t{2} << 32;
constexpr std::uint64_t kRing = std::uint64_t{3} << 32;

constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP;

bool would_repeat(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

Trigger trigger = Trigger::edge;

Core::Core(CoreOptions options) : options_(std::move(options)) {
    wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    RMX_ASSERT(wake_fd_ >= 0);
}

Core::~Core() {
    ::close(wake_fd_);
}

void Core::request_stop(std::int64_t deadline_ns) {
    if (deadline_ns != 0) stop_deadline_ns_.store(deadline_ns, std::memory_order_relaxed);
    stop_requested_.store(true, std::memory_order_release);
    wake();
}

void Core::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

Status Core::prepare() {
    if (options_.pin_to >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<unsigned>(options_.pin_to), &set);
        pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
    auto ring = ring::Ring::create({});
    if (!ring) return ring.error();
    ring_ = std::move(*ring);
    now_ = read_clock();
    const std::uint32_t slots = options_.connections_max + kSpareSlots;
    timers_ = std::make_unique<ring::TimerWheel>(slots, now_.mono_ns);
    slabs_ = std::make_unique<SlabPool>(options_.slab_bytes, options_.slab_bytes / 16);
    messages_ = std::make_unique<MessagePool>(*slabs_, slots + limits::store_queue_entries);
    connections_ = std::make_unique<ConnectionTable>(slots);
    receive_buffer_.resize(kReceiveBytes);
    ready_.resize(slots, 0);
    watched_.resize(slots, 0);
    auto made = options_.make_host(*ring_, *this);
    if (!made) return made.error();
    backend_ = std::move(made->backend);
    host_ = std::move(made->host);
    traits_ = host_->traits();
    options_.policy->attach(*this);
    to_send_.reserve(slots);
    to_arm_.reserve(slots);
    is_starved_.resize(slots, false);
    return open_epoll();
}

Status Core::open_epoll() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return system_error(errno, "epoll_create1");
    const auto add = [this](int fd, std::uint32_t events, std::uint64_t name) {
        epoll_event event{events, {.u64 = name}};
        return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
    };
    // Not the ring's own descriptor: work that the kernel defers to this thread does not make it readable.
    // Edge-triggered, the event need not be read.
    ring_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ring_event_ < 0 || io_uring_register_eventfd(ring_->raw(), ring_event_) != 0)
        return system_error(errno, "eventfd of the ring");
    bool added = add(wake_fd_, EPOLLIN, kWake) && add(ring_event_, EPOLLIN | EPOLLET, kRing);
    for (const int listener : options_.listeners) {
        fcntl(listener, F_SETFL, O_NONBLOCK);
        added = added && add(listener, EPOLLIN | EPOLLET, kListener);
    }
    return added ? ok_status() : system_error(errno, "epoll_ctl");
}

// The loop. Its rules, beside those of engine/server/core.cpp that still hold (2, 5, 6 and 9):
// 1. One epoll_wait per turn. A socket is read when epoll has said that there is something, once if that
//    empties it, and written once per turn.
// 2. No epoll_ctl but one per accepted connection (edge-triggered; level-triggered, also where reading stops
//    and where a send falls short).
// 3. A descriptor is closed at the end of the turn: no event of that turn can mean its next owner.
void Core::run() {
    next_tick_ns_ = now_.mono_ns + kTickNs;
    int events = 0;
    for (;;) {
        now_ = read_clock();
        host_->poll();
        for (int i = 0; i < events; ++i)
            on_event(events_[static_cast<std::size_t>(i)]);
        if (accept_wanted_) accept_all();
        if (stop_requested_.load(std::memory_order_acquire)) begin_drain();
        options_.policy->collect();
        for (unsigned round = 0; round < kStorageRounds; ++round) {
            serve_storage();
            host_->flush();
            if (done_first_ == nullptr && to_go_on_.empty()) break;
        }
        serve_starved(false);
        serve_timers();
        if (now_.mono_ns >= next_tick_ns_) tick();
        receive_more();
        send_and_close();
        serve_ring();
        if (draining_ && drained()) break;

        const std::int64_t wait_ns = std::max<std::int64_t>(next_tick_ns_ - now_.mono_ns, 0);
        const bool busy = has_queued_work() || host_->prepare_to_sleep() || ring_->has_completions();
        const int wait_ms = busy ? 0 : static_cast<int>((wait_ns + kNsPerMs - 1) / kNsPerMs);
        events = epoll_wait(epoll_, events_.data(), kEventsMax, wait_ms);
        RMX_ASSERT(events >= 0 || errno == EINTR);
        host_->woke_up();
        options_.counters.loops.add(1);
    }
    update_gauges();
}

bool Core::has_queued_work() const {
    return done_first_ != nullptr || !to_go_on_.empty() || !answers_.empty() || !to_send_.empty() ||
           !to_arm_.empty();
}

Connection* Core::find(std::uint32_t slot, std::uint32_t generation) {
    return connections_->find(slot, generation);
}

void Core::release() {
    options_.policy->detach();
    if (host_) RMX_ASSERT(host_->outstanding() == 0 || host_->abandon(kAbandonWaitNs));
    host_.reset();
    if (backend_) backend_->close();
    backend_.reset();
    connections_.reset();
    messages_.reset();
    slabs_.reset();
    ring_.reset();
    for (int* const fd : {&epoll_, &ring_event_}) {
        if (*fd >= 0) ::close(*fd);
        *fd = -1;
    }
}

void Core::update_gauges() {
    admin::CoreCounters& counters = options_.counters;
    const storage::HostCounters host = host_->counters();
    const storage::BackendCounters backend = host_->backend_counters();
    counters.connections_open.set(connections_->open_count());
    counters.messages_in_flight.set(messages_->in_use());
    counters.slab_bytes_in_use.set(slabs_->bytes_in_use());
    counters.slab_bytes_max.set(slabs_->bytes_max());
    counters.enters.set(ring_->counters().enters);
    counters.storage_depth.set(host.depth);
    counters.storage_oldest_ms.set(
        static_cast<std::uint64_t>(unanswered_.oldest_age_ns(now_.mono_ns) / kNsPerMs));
    counters.storage_batches.set(backend.batches);
    counters.storage_io_errors.set(backend.io_errors);
    counters.storage_bytes_free.set(backend.bytes_free);
    counters.storage_segments.set(backend.segments);
    counters.log_records_dropped.set(options_.log.dropped());
    counters.connections_cut_off.set(static_cast<std::uint64_t>(cut_off_));
}

// --- events
// ------------------------------------------------------------------------------------------------------------

void Core::on_event(const epoll_event& event) {
    if (event.data.u64 == kListener) {
        accept_wanted_ = true;
        return;
    }
    if (event.data.u64 == kWake) {
        std::uint64_t value = 0;
        [[maybe_unused]] const auto count = ::read(wake_fd_, &value, sizeof value);
        return;
    }
    if (event.data.u64 == kRing) {
        RMX_ASSERT(ring_->enter(0) == 0);  // runs what the kernel has deferred to this thread
        ring_->reap([](const io_uring_cqe&) {});
        return;
    }
    const auto slot = static_cast<std::uint32_t>(event.data.u64);
    Connection* connection = connections_->at(slot);
    RMX_ASSERT(connection != nullptr);
    std::uint32_t said = event.events & (EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    if ((event.events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) said |= kInput;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) said |= EPOLLOUT;
    const bool was_blocked = !writable(slot);
    ready_[slot] |= said;
    if (was_blocked && writable(slot)) to_send_.push_back(slot);
    if ((said & EPOLLIN) != 0) connection->arm_receive();
}

void Core::watch(std::uint32_t slot, bool input, bool output) {
    if (trigger == Trigger::edge) return;
    const std::uint32_t wanted = (input ? kInput : 0u) | (output ? EPOLLOUT : 0u);
    if (watched_[slot] == wanted) return;
    watched_[slot] = wanted;
    epoll_event event{wanted, {.u64 = slot}};
    RMX_ASSERT(epoll_ctl(epoll_, EPOLL_CTL_MOD, static_cast<int>(slot), &event) == 0);
}

// Until the kernel has none left; what there is no slot for waits in its backlog.
void Core::accept_all() {
    if (draining_ || now_.mono_ns < accept_paused_until_ns_) return;
    for (const int listener : options_.listeners) {
        while (accept_one(listener)) {
        }
    }
    accept_wanted_ =
        connections_->open_count() >= options_.connections_max || now_.mono_ns < accept_paused_until_ns_;
}

bool Core::accept_one(int listener) {
    if (connections_->open_count() >= options_.connections_max) return false;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const int fd = accept4(listener, generic, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        open_connection(fd, PeerAddress::from_sockaddr(*generic));
        return true;
    }
    if (would_repeat(errno)) {
        options_.counters.file_table_exhausted.add(1);
        accept_paused_until_ns_ = now_.mono_ns + kAcceptPauseNs;
    }
    return errno == ECONNABORTED;
}

void Core::open_connection(int fd, const PeerAddress& peer) {
    const auto slot = static_cast<std::uint32_t>(fd);
    RMX_ASSERT(slot < connections_->slots());
    const bool edge = trigger == Trigger::edge;
    watched_[slot] = edge ? kInput | EPOLLOUT | EPOLLET : kInput;
    ready_[slot] = EPOLLOUT;
    epoll_event event{watched_[slot], {.u64 = slot}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
        ::close(fd);
        return;
    }
    options_.counters.connections_accepted.add(1);
    connections_->open(*this, slot, peer, options_.session, bare_newline_for(peer), tls_use_for(peer))
        .begin();
}

// --- the rest of a turn
// --------------------------------------------------------------------------------------------------

void Core::tick() {
    next_tick_ns_ = now_.mono_ns + kTickNs;
    host_->tick(now_);
    serve_starved(true);
    slabs_->trim(kTrimBytesMax);
    update_gauges();
}

// Connections whose socket has more than they took at first. Whoever is not done even now is queued for the
// next turn.
void Core::receive_more() {
    std::vector<std::uint32_t> slots;
    slots.swap(to_arm_);
    for (const std::uint32_t slot : slots) {
        if (Connection* connection = connections_->at(slot)) connection->arm_receive();
    }
    if (to_arm_.empty()) {
        slots.clear();
        to_arm_.swap(slots);  // keeps its memory
    }
}

void Core::send_and_close() {
    // By index: serving one slot may queue another.
    for (std::size_t i = 0; i < to_send_.size(); ++i) {
        if (Connection* connection = connections_->at(to_send_[i])) connection->send_pending();
    }
    to_send_.clear();
    for (const std::uint32_t slot : to_close_) {
        connections_->close(slot);
        ::close(static_cast<int>(slot));
        options_.counters.connections_closed.add(1);
    }
    to_close_.clear();
}

// Storage's requests leave, and what it was waiting for comes in; a core whose storage has no need of the
// ring does not enter it.
void Core::serve_ring() {
    if (io_uring_sq_ready(ring_->raw()) != 0) RMX_ASSERT(ring_->enter(0) == 0);
    if (ring_->has_completions()) ring_->reap([](const io_uring_cqe&) {});
}

void Core::begin_drain() {
    const std::int64_t given = stop_deadline_ns_.load(std::memory_order_relaxed);
    if (draining_) {
        if (given != 0) drain_deadline_ns_ = std::min(drain_deadline_ns_, given);
        if (now_.mono_ns >= drain_deadline_ns_ && cut_off_ == 0 && connections_->open_count() > 0) {
            cut_off_ = static_cast<int>(connections_->open_count());
            connections_->for_each([](Connection& connection) { connection.abandon(); });
        }
        return;
    }
    draining_ = true;
    drain_deadline_ns_ =
        given != 0 ? given : now_.mono_ns + options_.config.server.shutdown_grace_s * kNsPerSecond;
    options_.stop_listening();
    connections_->for_each([](Connection& connection) { connection.drain(); });
}

bool Core::drained() {
    return connections_->open_count() == 0 && host_->outstanding() == 0 && waiting_requests_.empty() &&
           done_first_ == nullptr;
}

}  // namespace ringmx::server
