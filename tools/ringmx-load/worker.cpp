// The loop of a thread: set-up, opening, load, drain, goodbye.
#include "worker.hpp"

#include <algorithm>
#include <limits>

#include <sys/prctl.h>
#include <sys/uio.h>

#include "base/clock.hpp"

namespace ringmx::load {
namespace {

constexpr std::uint32_t kSubmissionEntries = 4096;
constexpr std::uint32_t kCompletionEntries = 32768;
constexpr std::uint32_t kReceiveBuffers = 1024;
constexpr std::size_t kReceiveBufferOctets = 1024;  // replies are short
constexpr std::int64_t kTickNs = 50 * kNsPerMs;     // of timeouts, pauses and slow clients
constexpr std::int64_t kLookNs = 100 * kNsPerMs;    // at the stop flag, at least so often
constexpr std::int64_t kStartLookNs = 2 * kNsPerMs;
constexpr std::int64_t kGoodbyeNs = 2 * kNsPerSecond;
constexpr std::uint32_t kOpeningMax =
    64;  // connections being set up at once before the load: spares backlogs
constexpr std::int64_t kNoConnectionNs = 10 * kNsPerSecond;  // so long, and the run is given up

}  // namespace

Worker::Worker(Shared& shared, std::uint32_t number, std::uint32_t threads, std::vector<Kind> kinds)
    : shared_(shared),
      options_(shared.options),
      plan_(shared.plan),
      number_(number),
      threads_(threads),
      clients_(kinds.size()),
      links_(kinds.size()) {
    bool any_hard = false;
    for (std::size_t slot = 0; slot < kinds.size(); ++slot) {
        clients_[slot].kind = kinds[slot];
        any_hard = any_hard || is_hard(clients_[slot]);
    }
    if (any_hard) hard_.resize(kinds.size());
    if (options_.tls != Tls::off) tls_ = std::vector<TlsClient>(kinds.size());
    if (plan_.unique) {
        tails_.resize(kinds.size());
        headers_.resize(kinds.size());
        pieces_.resize(2 * kinds.size());
    }
    written_.reserve(kinds.size());
    order_at_ = plan_.order.size() / threads * number;
    unique_number_ = std::uint64_t{number} << 48;
}

Status Worker::set_up() {
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // messages of an open loop leave when they are due
    auto ring = ring::Ring::create(
        {.submission_entries = kSubmissionEntries, .completion_entries = kCompletionEntries});
    if (!ring) return ring.error();
    ring_ = std::move(*ring);
    if (!tls_.empty()) {
        auto context = TlsContext::create(options_);
        if (!context) return context.error();
        tls_context_ = std::move(*context);
        tls_text_ = std::make_unique<char[]>(TlsStream::kTextMax);
    }
    auto buffers =
        ring::BufferRing::create(*ring_, 0, kReceiveBuffers, kReceiveBufferOctets, kReceiveBuffers);
    if (!buffers) return buffers.error();
    buffers_ = std::move(*buffers);
    now_ns_ = monotonic_ns();
    timers_ =
        std::make_unique<ring::TimerWheel>(static_cast<std::uint32_t>(clients_.size()), now_ns_, kTickNs);
    return ok_status();
}

std::uint64_t Worker::tag(Op op, std::uint32_t slot) const {
    return ring::UserData{static_cast<std::uint8_t>(op), slot, clients_[slot].generation}.pack();
}

// Writes that a full queue sends out early are stamped before.
io_uring_sqe* Worker::request() {
    if (io_uring_sq_space_left(ring_->raw()) < 2) stamp_writes();
    return ring_->request();
}

void Worker::stamp_writes() {
    if (written_.empty()) return;
    const std::int64_t time_ns = monotonic_ns();
    for (const std::uint32_t slot : written_) {
        Client& client = clients_[slot];
        client.sent_ns = time_ns;
        if (!client.first_write) continue;
        client.first_write = false;
        client.mail_ns = time_ns;
        if (client.begin_ns == 0) client.begin_ns = time_ns;
    }
    written_.clear();
}

// One turn of the loop. Waits until `until_ns` at the latest.
void Worker::turn(std::int64_t until_ns) {
    buffers_->publish();
    stamp_writes();
    const std::int64_t wake_ns = std::min(until_ns, timers_->next_ns());
    const std::int64_t wait_ns = std::clamp<std::int64_t>(wake_ns - now_ns_, 0, kLookNs);
    const int result = ring_->enter(wait_ns, options_.batch_wait_us > 0 ? std::max(busy_ / 2, 1u) : 1,
                                    options_.batch_wait_us);
    if (result < 0) shared_.give_up(system_error(-result, "io_uring_enter").message);
    now_ns_ = monotonic_ns();
    ring_->reap([this](const io_uring_cqe& cqe) { on_completion(cqe); });
    if (now_ns_ >= timers_->next_ns()) {
        timers_->advance(now_ns_, [this](std::uint32_t slot) {
            Client& client = clients_[slot];
            if (client.deadline_ns > now_ns_) return client.deadline_ns;
            if (client.state == State::idle) return client.deadline_ns = now_ns_ + timeout_ns();
            client.deadline_ns = 0;
            on_timer(slot);
            return client.deadline_ns;
        });
    }
    live_.busy.store(busy_, std::memory_order_relaxed);
    if (!ack_text_.empty()) {
        shared_.acks->add(ack_text_);
        ack_text_.clear();
    }
}

void Worker::on_completion(const io_uring_cqe& cqe) {
    const ring::UserData data = ring::UserData::unpack(cqe.user_data);
    const bool stale = data.generation != clients_[data.slot].generation;
    switch (static_cast<Op>(data.op)) {
        case op_connect:
            if (!stale) on_connect(data.slot, cqe.res);
            return;
        case op_receive:
            if (!stale) return on_receive(data.slot, cqe);
            if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
                buffers_->taken();
                buffers_->give_back(ring::BufferRing::buffer_id(cqe.flags));
            }
            return;
        case op_send:  // successful ones make no completion; the receive tells more of a broken connection
        case op_cancel:
            return;
        case op_tls_send:  // never stale: the slot's life ends after its sends
            return on_tls_sent(data.slot, cqe.res);
    }
}

void Worker::on_timer(std::uint32_t slot) {
    switch (clients_[slot].state) {
        case State::closed:
        case State::idle:
            return;
        case State::pause:
            clients_[slot].state = State::closed;
            if (is_hard(clients_[slot])) {
                if (!leaving_) open(slot);
                return;
            }
            return work_or_free(slot);
        case State::closing:  // the kernel owes the end of a request
            return wake_at(slot, now_ns_ + kNsPerSecond);
        case State::message:
            if (clients_[slot].kind == Kind::slow) return hard_write_more(slot);
            if (clients_[slot].kind == Kind::stalled) return;
            break;
        default:
            break;
    }
    fail(slot, clients_[slot].state == State::handshake ? Failure::tls_timeout : Failure::timeout);
}

// Before the load: every connection that stays open is set up, a few at a time.
bool Worker::open_connections() {
    last_connect_ns_ = now_ns_;
    std::uint32_t next = 0;
    const auto count = static_cast<std::uint32_t>(clients_.size());
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        if (!is_hard(clients_[slot])) free_.push(slot);
    }
    const bool up_front = options_.ramp_s == 0 && options_.per_connection != 1;
    for (;;) {
        for (; up_front && next < count && opening_ < kOpeningMax; ++next) {
            if (clients_[next].kind != Kind::normal) continue;
            free_.remove(next);
            open(next);
        }
        if ((!up_front || next == count) && opening_ == 0) break;
        if (shared_.stop.load(std::memory_order_relaxed)) return false;
        turn(now_ns_ + kLookNs);
        if (out_of_reach()) shared_.give_up("no connection to " + options_.target.text + " succeeded");
    }
    return true;  // what failed, or is not for keeping, is opened when there is work for it
}

bool Worker::wait_for_start() {
    shared_.ready.fetch_add(1);
    while (!shared_.go.load(std::memory_order_acquire)) {
        if (shared_.stop.load(std::memory_order_relaxed)) return false;
        turn(now_ns_ + kStartLookNs);
    }
    while (now_ns_ < shared_.times.start_ns)
        turn(shared_.times.start_ns);
    return true;
}

void Worker::begin_load() {
    const Times& times = shared_.times;
    end_ns_ = times.end_ns;
    second_end_ns_ = times.start_ns + kNsPerSecond;
    last_connect_ns_ = now_ns_;
    running_ = true;
    recording_ = false;
    if (now_ns_ >= times.measure_ns) begin_window();
    const auto count = static_cast<std::uint32_t>(clients_.size());
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        if (is_hard(clients_[slot])) open(slot);
    }
    if (options_.rate > 0) {
        schedule_.emplace(options_.rate / threads_, options_.ramp_s, options_.arrivals,
                          options_.seed * 1000003 + number_, (number_ + 1.0) / threads_, times.start_ns,
                          times.end_ns);
        return;
    }
    if (options_.ramp_s > 0) {
        std::uint32_t place = 0;
        while (!free_.empty()) {
            const std::uint32_t slot = free_.pop();
            const double share = (place++ + static_cast<double>(number_) / threads_) / count;
            pause(slot, times.start_ns + static_cast<std::int64_t>(share * options_.ramp_s * 1e9));
        }
        return;
    }
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        const bool idle = clients_[slot].state == State::idle;
        const bool closed = clients_[slot].state == State::closed && !is_hard(clients_[slot]);
        if (!idle && !closed) continue;
        (idle ? idle_ : free_).remove(slot);
        idle ? work_or_idle(slot) : work_or_free(slot);
    }
}

// Open loop: gives the messages that are due to connections without work.
void Worker::start_due() {
    while (schedule_->next_ns() <= now_ns_ && schedule_->next_ns() < end_ns_ &&
           !(idle_.empty() && free_.empty()) && may_begin()) {
        const std::int64_t due_ns = schedule_->next_ns();
        schedule_->take();
        assign(idle_.empty() ? free_.pop() : idle_.pop(), due_ns);
    }
}

bool Worker::more_to_come() const {
    if (exhausted_ || shared_.stop.load(std::memory_order_relaxed)) return false;
    if (schedule_) return schedule_->next_ns() != Schedule::kNever && schedule_->next_ns() < end_ns_;
    return now_ns_ < end_ns_;
}

// No connection succeeds any more.
bool Worker::out_of_reach() const {
    return connects_failed_ > 0 && open_ == opening_ && now_ns_ - last_connect_ns_ > kNoConnectionNs;
}

void Worker::load_loop() {
    const std::int64_t drain_ns = static_cast<std::int64_t>(options_.drain_s * 1e9);
    while (busy_ > 0 || more_to_come()) {
        const std::int64_t due_ns =
            schedule_ && !(idle_.empty() && free_.empty()) ? schedule_->next_ns() : Schedule::kNever;
        const std::int64_t window_ns = in_window_ || recording_ ? Schedule::kNever : shared_.times.measure_ns;
        turn(std::min({due_ns, window_ns, second_end_ns_}));
        if (shared_.stop.load(std::memory_order_relaxed)) end_ns_ = std::min(end_ns_, now_ns_);
        if (!recording_ && now_ns_ >= shared_.times.measure_ns) begin_window();
        if (schedule_) start_due();
        while (now_ns_ >= second_end_ns_)
            end_second();
        if (in_window_ && now_ns_ >= end_ns_) end_window();
        if (now_ns_ >= end_ns_ && now_ns_ - end_ns_ >= drain_ns) return drain_over();
        if (out_of_reach()) {
            shared_.give_up("no connection to " + options_.target.text + " succeeded for 10 s");
            end_ns_ = std::min(end_ns_, now_ns_);
            return drain_over();
        }
    }
}

void Worker::begin_window() {
    recording_ = true;
    in_window_ = true;
    used_before_ = thread_time();
    enters_ = ring_->counters().enters;
}

void Worker::end_window() {
    in_window_ = false;
    window_end_ns_ = std::min(now_ns_, end_ns_);
    used_ = thread_time().since(used_before_);
    enters_ = ring_->counters().enters - enters_;
}

void Worker::end_second() {
    shared_.series.add(second_);
    const std::int64_t number = second_.number + 1;
    second_ = Second{};
    second_.number = number;
    second_end_ns_ += kNsPerSecond;
}

// What has no answer now gets none: its age so far goes into the latencies, so that they do not look better
// than they were.
void Worker::drain_over() {
    for (const Client& client : clients_) {
        const bool under_way = client.state == State::message || client.assigned;
        if (!under_way || is_hard(client)) continue;
        if (!client.counted) continue;
        ++counters_.unfinished;
        if (client.begin_ns != 0) phases_[Phase::message].record(now_ns_ - client.begin_ns);
    }
    while (schedule_ && more_to_come()) {
        if (schedule_->next_ns() >= shared_.times.measure_ns) {
            ++counters_.never_sent;
            phases_[Phase::message].record(now_ns_ - schedule_->next_ns());
        }
        schedule_->take();
        if (options_.messages > 0 && shared_.taken.fetch_add(1) + 1 >= options_.messages) return;
    }
}

// QUIT on what is idle, an end for the rest; what is not over in two seconds is closed by the end of the
// ring.
void Worker::say_goodbye() {
    leaving_ = true;
    const auto count = static_cast<std::uint32_t>(clients_.size());
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        Client& client = clients_[slot];
        if (client.state == State::closed || client.state == State::pause || client.state == State::closing)
            continue;
        if (client.state == State::idle && !is_hard(client)) {
            idle_.remove(slot);
            quit(slot);
        } else if (client.state != State::quit) {
            close_after_last_request(slot);
        }
    }
    const std::int64_t until_ns = monotonic_ns() + kGoodbyeNs;
    while (open_ > 0 && now_ns_ < until_ns)
        turn(until_ns);
}

void Worker::run() {
    if (const Status set = set_up(); !set) {
        shared_.give_up(set.error().message);
        shared_.end_thread();
        return;
    }
    if (open_connections() && wait_for_start()) {
        begin_load();
        load_loop();
        if (in_window_) end_window();
        shared_.series.add(second_);
        running_ = false;
    }
    recording_ = false;
    shared_.end_thread();
    say_goodbye();
}

}  // namespace ringmx::load
