#include "server/core.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "server/operations.hpp"

namespace ringmx::server {

namespace {

constexpr std::int64_t kTickNs = 250 * kNsPerMs;
constexpr std::int64_t kAbandonGraceNs =
    10 * kNsPerSecond;  // for storage to give messages back after the deadline
constexpr std::int64_t kAbandonWaitNs =
    5 * kNsPerSecond;  // then for a worker to give up what it does not finish
constexpr unsigned kStorageRounds =
    4;  // replies may bring new messages within one turn; then the next turn serves them
constexpr unsigned kBulkPiecesAtOnce = 4;    // received from one connection before the others have their turn
constexpr unsigned kBulkPiecesPerTurn = 32;  // 2 MiB, then storage gets what there is, and replies leave
constexpr std::uint32_t kSpareSlots = 16;
constexpr std::size_t kTrimBytesMax = std::size_t{4}
                                      << 20;  // given back to the system per tick, of what nobody needed

constexpr std::uint16_t kReceiveGroup = 0;

// What storage may still touch until the process ends: not freed, and reachable.
template <typename T>
void keep_for_ever(std::unique_ptr<T> object) {
    static std::mutex mutex;
    static auto* const kept = new std::vector<std::shared_ptr<void>>;
    const std::lock_guard lock(mutex);
    kept->emplace_back(std::shared_ptr<T>(std::move(object)));
}

}  // namespace

Core::Core(CoreOptions options) : options_(std::move(options)), session_(options_.session) {
    wake_fd_ = eventfd(0, EFD_CLOEXEC);
    RMX_ASSERT(wake_fd_ >= 0);
}

Core::~Core() {
    ::close(wake_fd_);
}

void Core::request_stop(std::int64_t deadline_ns) {
    std::int64_t before = stop_deadline_ns_.load(std::memory_order_relaxed);
    while (deadline_ns != 0 && (before == 0 || deadline_ns < before)) {
        if (stop_deadline_ns_.compare_exchange_weak(before, deadline_ns, std::memory_order_relaxed)) break;
    }
    stop_requested_.store(true, std::memory_order_release);
    wake();
}

// Once the drain has begun the event is not waited for any more: then the next tick does.
void Core::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

Status Core::prepare() {
    if (options_.pin_to >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<unsigned>(options_.pin_to), &set);
        pthread_setaffinity_np(pthread_self(), sizeof set,
                               &set);  // a core that may not be pinned still serves
    }
    ring::RingOptions ring_options = options_.ring;
    ring_options.files_max = options_.connections_max + kSpareSlots;
    ring_options.restricted = true;
    auto ring = ring::Ring::create(ring_options);
    if (!ring) return ring.error();
    ring_ = std::move(*ring);
    auto buffers = ring::BufferRing::create(*ring_, kReceiveGroup, limits::receive_buffers,
                                            limits::receive_buffer_bytes);
    if (!buffers) return buffers.error();
    buffers_ = std::move(*buffers);
    bulk_buffer_.resize(limits::receive_buffer_bulk_bytes);

    now_ = read_clock();
    const std::uint32_t slots = options_.connections_max + kSpareSlots;
    timers_ = std::make_unique<ring::TimerWheel>(slots, now_.mono_ns);
    slabs_ = std::make_unique<SlabPool>(options_.slab_bytes, options_.slab_bytes / 16);
    messages_ = std::make_unique<MessagePool>(*slabs_, slots + limits::store_queue_entries);
    connections_ = std::make_unique<ConnectionTable>(slots);
    acceptor_ = std::make_unique<Acceptor>(*ring_, options_.listeners, options_.connections_max);
    auto made = options_.make_host(*ring_, *this);
    if (!made) return made.error();
    backend_ = std::move(made->backend);
    host_ = std::move(made->host);
    traits_ = host_->traits();
    options_.policy->attach(*this);
    if (options_.tls != nullptr) plaintext_.resize(limits::tls_plaintext_room_octets);
    if (AdmissionSetup* const shared = options_.admission) {
        gate_ = std::make_unique<admission::Gate>(shared->settings, shared->secret, shared->shared,
                                                  options_.index, shared->cores);
    }
    to_send_.reserve(slots);
    to_arm_.reserve(slots);
    to_receive_.reserve(slots);
    receiving_.reserve(slots);
    is_starved_.resize(slots, false);
    return ok_status();
}

// The loop. Its rules:
// 1. One io_uring_enter per turn submits everything and waits; nothing else in a turn is a system call, but
// for one that receives a piece of a long message's data, and one that wakes the log thread when its ring
// fills.
// 2. The clock is read once per turn.
// 3. A completion only acts on the life of the slot that it was meant for; its buffer goes back in any case.
// 4. Receive buffers go back within the turn; what a session could not take is copied to its connection.
// 5. All replies of a connection in one turn leave in one send, and there is never more than one send in
// flight.
// 6. Storage and policy never call into a session: what they report is queued and acted upon in its place in
// the turn.
// 7. A slot is free only when every completion due to it has come and its descriptor is closed.
// 8. A turn makes a bounded number of steps of handshakes; those that wait come before new ones.
// 9. Before sleeping, storage is asked whether it has something; after that it is bound to wake this thread.
void Core::run() {
    arm_wake();
    next_tick_ns_ = now_.mono_ns + kTickNs;
    for (;;) {
        now_ = read_clock();
        host_->poll();
        serve_handshakes();
        ring_->reap([this](const io_uring_cqe& cqe) { on_completion(cqe); });
        receive_bulk();
        buffers_->publish();
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
        send_and_arm();
        acceptor_->arm(connections_->open_count(), now_.mono_ns);
        if (draining_ && drained()) break;

        std::int64_t wait_ns = std::max<std::int64_t>(next_tick_ns_ - now_.mono_ns, 0);
        if (has_queued_work() || host_->prepare_to_sleep()) wait_ns = 0;
        const int error = ring_->enter(wait_ns);
        RMX_ASSERT(error == 0);
        host_->woke_up();
        options_.counters.loops.add(1);
    }
    update_gauges();
}

void Core::arm_wake() {
    io_uring_sqe* sqe = ring_->request();
    io_uring_prep_read(sqe, wake_fd_, &wake_value_, sizeof wake_value_, 0);
    stamp(sqe, Op::wake, 0, 0);
}

bool Core::has_queued_work() const {
    return done_first_ != nullptr || !to_go_on_.empty() || !answers_.empty() || !to_send_.empty() ||
           !to_arm_.empty() || !to_arm_again_.empty() || !to_receive_.empty() || !to_shake_.empty();
}

Connection* Core::find(std::uint32_t slot, std::uint32_t generation) {
    return connections_->find(slot, generation);
}

void Core::release() {
    options_.policy->detach();
    if (host_ && host_->outstanding() != 0 && !host_->abandon(kAbandonWaitNs)) {
        // The drain's deadline has passed and storage still does not answer. What it was given cannot be
        // ended in order: it stays as it is, for recovery; the process is about to end.
        keep_for_ever(std::move(host_));
        keep_for_ever(std::move(backend_));
        keep_for_ever(std::move(messages_));
        keep_for_ever(std::move(slabs_));
    }
    host_.reset();
    if (backend_) backend_->close();
    backend_.reset();
    acceptor_.reset();
    connections_.reset();
    messages_.reset();
    slabs_.reset();
    buffers_.reset();
    ring_.reset();
}

void Core::update_gauges() {
    admin::CoreCounters& counters = options_.counters;
    const ring::RingCounters& ring = ring_->counters();
    const storage::HostCounters host = host_->counters();
    const storage::BackendCounters backend = host_->backend_counters();
    counters.connections_open.set(connections_->open_count());
    counters.messages_in_flight.set(messages_->in_use());
    counters.slab_bytes_in_use.set(slabs_->bytes_in_use());
    counters.slab_bytes_max.set(slabs_->bytes_max());
    counters.completion_queue_overflows.set(ring.overflows);
    counters.submission_queue_full.set(ring.queue_full);
    counters.enters.set(ring.enters);
    counters.storage_depth.set(host.depth);
    counters.storage_oldest_ms.set(
        static_cast<std::uint64_t>(unanswered_.oldest_age_ns(now_.mono_ns) / kNsPerMs));
    counters.storage_queue_full.set(host.queue_full);
    counters.storage_wakes.set(host.wakes_sent);
    counters.storage_batches.set(backend.batches);
    counters.storage_io_errors.set(backend.io_errors);
    counters.storage_bytes_free.set(backend.bytes_free);
    counters.storage_segments.set(backend.segments);
    counters.log_records_dropped.set(options_.log.dropped());
    counters.connections_cut_off.set(static_cast<std::uint64_t>(cut_off_));
}

// --- completions
// -------------------------------------------------------------------------------------------------------

void Core::on_completion(const io_uring_cqe& cqe) {
    const auto name = ring::UserData::unpack(cqe.user_data);
    const auto op = static_cast<Op>(name.op);
    switch (op) {
        case Op::accept:
            return on_accepted(cqe, name);
        case Op::receive:
            return on_received(cqe, name);
        case Op::wake:
            return stop_requested_.load() ? void() : arm_wake();
        case Op::cancel_accept:
            return;
        default:
            break;
    }
    if (op == Op::receive_bulk) bulk_under_way_ = false;
    Connection* connection = find(name.slot, name.generation);
    if (connection == nullptr) {
        options_.counters.stale_completions.add(1);
        return;
    }
    switch (op) {
        case Op::readable:
            return connection->on_readable();
        case Op::receive_bulk:
            return connection->on_bulk_receive(
                cqe.res, Bytes(bulk_buffer_).first(static_cast<std::size_t>(std::max(cqe.res, 0))),
                (cqe.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);
        case Op::send:
            return connection->on_send(cqe.res);
        case Op::cancel:
            return connection->on_cancelled();
        case Op::shutdown:
            return connection->on_shut_down();
        case Op::close:
            connections_->close(name.slot);
            options_.counters.connections_closed.add(1);
            return;
        default: {
            constexpr bool completion_is_known = false;
            RMX_ASSERT(completion_is_known);
        }
    }
}

void Core::on_accepted(const io_uring_cqe& cqe, const ring::UserData& name) {
    const PeerAddress peer = acceptor_->completed(name.slot, cqe.res, now_.mono_ns);
    if (cqe.res < 0) {
        if (cqe.res == -ENFILE || cqe.res == -EMFILE) options_.counters.file_table_exhausted.add(1);
        return;
    }
    options_.counters.connections_accepted.add(1);
    Connection& connection = connections_->open(*this, static_cast<std::uint32_t>(cqe.res), peer, session_,
                                                bare_newline_for(peer), tls_use_for(peer));
    const std::size_t listener = acceptor_->listener_of(name.slot);
    const bool tls_first = listener >= options_.listeners_plain;
    if (sends_proxy_header(peer, listener)) {
        connection.begin_behind_proxy(tls_first);
    } else {
        tls_first ? connection.begin_tls() : connection.begin();
    }
    if (draining_) connection.drain();
}

// Whom the header is taken from, and must come from: it lets its sender be anybody.
bool Core::sends_proxy_header(const PeerAddress& peer, std::size_t listener) const {
    const config::Config& config = options_.config;
    const auto& networks = config.proxy.networks;
    if (std::none_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(peer); }))
        return false;
    if (config.proxy.listeners.empty()) return true;
    const auto& plain = config.server.listen;
    const std::string& address =
        listener < plain.size() ? plain[listener] : config.server.listen_tls[listener - plain.size()];
    return std::find(config.proxy.listeners.begin(), config.proxy.listeners.end(), address) !=
           config.proxy.listeners.end();
}

void Core::on_received(const io_uring_cqe& cqe, const ring::UserData& name) {
    const bool has_buffer = (cqe.flags & IORING_CQE_F_BUFFER) != 0;
    const std::uint16_t id = ring::BufferRing::buffer_id(cqe.flags);
    if (has_buffer) buffers_->taken();
    if (cqe.res == -ENOBUFS) buffers_->ran_out();
    if (Connection* connection = find(name.slot, name.generation)) {
        const Bytes data =
            has_buffer && cqe.res > 0 ? buffers_->view(id, static_cast<std::size_t>(cqe.res)) : Bytes{};
        connection->on_receive(cqe.res, data, (cqe.flags & IORING_CQE_F_MORE) != 0,
                               (cqe.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0);
    } else {
        options_.counters.stale_completions.add(1);
    }
    if (has_buffer) buffers_->give_back(id);
}

// One after the other, each looked at before the next is received: the kernel writes into memory that is in
// the cache, and so does what comes after it.
//
// When completions have overflowed, a receive's own comes only with the next turn's enter; until then nobody
// else may have the buffer.
void Core::receive_bulk() {
    receiving_.swap(to_receive_);
    unsigned pieces = 0;
    std::size_t served = 0;
    for (; served < receiving_.size() && pieces < kBulkPiecesPerTurn && !bulk_under_way_; ++served) {
        for (unsigned own = 0; own < kBulkPiecesAtOnce && !bulk_under_way_; ++own, ++pieces) {
            Connection* const connection = connections_->at(receiving_[served]);
            if (connection == nullptr || !connection->receive_bulk(bulk_buffer_)) break;
            bulk_under_way_ = true;
            ring_->submit();
            ring_->reap([this](const io_uring_cqe& cqe) { on_completion(cqe); });
        }
    }
    to_receive_.insert(to_receive_.begin(), receiving_.begin() + static_cast<std::ptrdiff_t>(served),
                       receiving_.end());
    receiving_.clear();
}

// --- the rest of a turn
// --------------------------------------------------------------------------------------------------

void Core::tick() {
    next_tick_ns_ = now_.mono_ns + kTickNs;
    host_->tick(now_);
    serve_starved(true);
    slabs_->trim(kTrimBytesMax);
    buffers_->settle();
    check_stress();
    if (gate_) gate_->tick(now_.mono_ns);
    update_gauges();
}

void Core::send_and_arm() {
    // By index: serving one slot may queue another.
    for (std::size_t i = 0; i < to_send_.size(); ++i) {
        if (Connection* connection = connections_->at(to_send_[i])) connection->send_pending();
    }
    to_send_.clear();
    for (std::size_t i = 0; i < to_arm_.size(); ++i) {
        if (Connection* connection = connections_->at(to_arm_[i])) connection->arm_receive();
    }
    to_arm_.clear();
    for (std::uint32_t left = buffers_->supplied(); left > 0 && !to_arm_again_.empty(); --left) {
        if (Connection* connection = connections_->at(to_arm_again_.front())) connection->arm_receive();
        to_arm_again_.pop_front();
    }
}

void Core::begin_drain() {
    if (draining_) {
        if (const std::int64_t given = stop_deadline_ns_.load(std::memory_order_relaxed); given != 0) {
            drain_deadline_ns_ = std::min(drain_deadline_ns_, given);
        }
        if (now_.mono_ns >= drain_deadline_ns_ && cut_off_ == 0 && connections_->open_count() > 0) {
            cut_off_ = static_cast<int>(connections_->open_count());
            connections_->for_each([](Connection& connection) { connection.abandon(); });
        }
        return;
    }
    draining_ = true;
    const std::int64_t given = stop_deadline_ns_.load(std::memory_order_relaxed);
    drain_deadline_ns_ =
        given != 0 ? given : now_.mono_ns + options_.config.server.shutdown_grace_s * kNsPerSecond;
    acceptor_->stop();
    connections_->for_each([](Connection& connection) { connection.drain(); });
}

bool Core::drained() {
    if (listening_ && acceptor_->armed() == 0) {
        listening_ = false;
        options_.stop_listening();
    }
    const bool connections_done = connections_->open_count() == 0 && acceptor_->armed() == 0;
    const bool storage_done =
        host_->outstanding() == 0 && waiting_requests_.empty() && done_first_ == nullptr;
    if (connections_done && storage_done) return true;
    if (!connections_done || now_.mono_ns < drain_deadline_ns_ + kAbandonGraceNs) return false;
    cut_off_ +=
        static_cast<int>(host_->outstanding());  // never acknowledged: their clients have been cut off
    return true;
}

}  // namespace ringmx::server
