// The socket's side of a connection: receiving, holding input back, sending, and the ordered end.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "ring/uapi.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"
#include "server/operations.hpp"

namespace ringmx::server {

Connection::Connection(Core& core, std::uint32_t slot, std::uint32_t generation, const PeerAddress& peer,
                       const smtp::SessionOptions& options, smtp::BareNewline bare_newline, smtp::TlsUse tls)
    : core_(core),
      slot_(slot),
      generation_(generation),
      peer_(peer),
      session_(options, *this, bare_newline, tls) {}

Connection::~Connection() {
    RMX_ASSERT(operations_ == 0 && message_ == nullptr);
    drop_held();
    drop_output();
    drop_wire();
    leave_admission();
}

void Connection::begin() {
    admit();
    session_.start();
    touch();
    settle();
}

// --- input
// -------------------------------------------------------------------------------------------------------

void Connection::on_receive(std::int32_t result, Bytes data, bool armed_still, bool more) {
    if (!armed_still) receive_is_over();
    readable_ = more;
    take(result, data);
}

void Connection::on_readable() {
    receive_is_over();
    if (phase_ == Phase::ending) return close_if_idle();
    readable_ = true;  // or it was cancelled: then a receive finds nothing
    queue_arm();
}

void Connection::on_bulk_receive(std::int32_t result, Bytes data, bool more) {
    receive_is_over();
    readable_ = more;
    if (result == -EAGAIN && phase_ != Phase::ending) return queue_arm();
    take(result, data);
}

void Connection::receive_is_over() {
    receive_ = Receive::none;
    cancel_sent_ = false;
    --operations_;
}

void Connection::take(std::int32_t result, Bytes data) {
    if (phase_ == Phase::ending) return close_if_idle();
    if (phase_ == Phase::lingering || phase_ == Phase::flushing) {
        if (result <= 0 && result != -ENOBUFS && result != -ECANCELED) end_of_input_ = true;
        if (result > 0) lingered_octets_ += static_cast<std::uint32_t>(result);
        const bool enough = end_of_input_ || lingered_octets_ > limits::linger_octets_max;
        if (phase_ == Phase::lingering && enough) return begin_ending();
        return queue_arm();
    }
    if (result > 0) {
        core_.counters().bytes_received.add(static_cast<std::uint64_t>(result));
        count_data(static_cast<std::size_t>(result));
        if (awaits_proxy_header()) {
            take_proxy_header(data);
        } else {
            tls_ ? take_ciphertext(data) : take_input(data);
        }
    } else if (result == 0) {
        end_of_input_ = true;
    } else if (result == -ENOBUFS) {
        stalled_ = true;
        core_.counters().receive_buffers_exhausted.add(1);
        if (!std::exchange(arm_queued_, true)) core_.queue_arm_behind_others(slot_);
    } else if (result != -ECANCELED) {
        return peer_gone();
    }
    settle();
}

bool Connection::wants_receive() const {
    if (end_of_input_ || receive_ != Receive::none) return false;
    if (phase_ == Phase::lingering) return true;
    if (phase_ != Phase::open || session_.deaf()) return false;
    switch (session_.waiting()) {
        case smtp::Waiting::input:
            return !shaking() || held_bytes_ <= limits::input_held_bytes_max;
        case smtp::Waiting::decision:
            return held_bytes_ <= limits::input_held_bytes_max && !wants_bulk();
        case smtp::Waiting::room:
        case smtp::Waiting::closed:
            return false;
    }
    return false;
}

void Connection::arm_receive() {
    arm_queued_ = false;
    if (!wants_receive()) return;
    if (receives_bulk() && readable_) {
        receive_ = Receive::queued;
        return core_.queue_bulk_receive(slot_);
    }
    io_uring_sqe* sqe = core_.ring().request();
    if (receives_bulk()) {
        io_uring_prep_poll_add(sqe, static_cast<int>(slot_), POLLIN);
        stamp(sqe, Op::readable, slot_, generation_);
        receive_ = Receive::poll;
    } else {
        io_uring_prep_recv_multishot(sqe, static_cast<int>(slot_), nullptr, 0, 0);
        stamp(sqe, Op::receive, slot_, generation_);
        sqe->buf_group = core_.buffers().group();
        if (core_.limits_receives()) ring::uapi::receive_limit(*sqe) = limits::bulk_octets_min;
        sqe->flags |= IOSQE_BUFFER_SELECT;
        if (first_receive_) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;  // the server speaks first
        receive_ = Receive::multishot;
    }
    sqe->flags |= IOSQE_FIXED_FILE;
    first_receive_ = false;
    ++operations_;
}

// No more than there is room for: a client can never be ahead of storage by more than that.
bool Connection::receive_bulk(MutableBytes buffer) {
    if (receive_ == Receive::queued) receive_ = Receive::none;
    if (!wants_receive() || !receives_bulk() || !readable_) {
        if (wants_receive()) queue_arm();
        return false;
    }
    const std::size_t octets =
        phase_ == Phase::lingering ? buffer.size() : std::min(bulk_octets(), buffer.size());
    if (octets == 0) return false;  // go_on() comes back here
    io_uring_sqe* sqe = core_.ring().request();
    io_uring_prep_recv(sqe, static_cast<int>(slot_), buffer.data(), octets, MSG_DONTWAIT);
    stamp(sqe, Op::receive_bulk, slot_, generation_);
    sqe->flags |= IOSQE_FIXED_FILE;
    receive_ = Receive::now;
    ++operations_;
    return true;
}

// How much may be received now without having to be held; 0: there is no room, and the connection is queued
// for it.
std::size_t Connection::bulk_octets() {
    const std::size_t room = body_room().size();
    if (room == 0) return 0;
    return tls_ ? ciphertext_octets(room) : room;
}

void Connection::cancel_receive() {
    if (receive_ != Receive::multishot || cancel_sent_) return;
    io_uring_sqe* sqe = core_.ring().request();
    const ring::UserData armed{static_cast<std::uint8_t>(Op::receive), slot_, generation_};
    io_uring_prep_cancel64(sqe, armed.pack(), 0);
    stamp(sqe, Op::cancel, slot_, generation_);
    cancel_sent_ = true;
    ++operations_;
}

void Connection::on_cancelled() {
    --operations_;
    close_if_idle();
}

// --- after anything that moved the session
// -----------------------------------------------------------------------------

void Connection::settle() {
    if (phase_ != Phase::open) return;
    stream_full_chunks();
    if (passed_ != admission::Limit::none) end_for_limit();
    if (next_tls_ && session_.wants_handshake()) start_tls();
    if (end_of_input_ && shaking()) handshake_failed(tls::Failure::lost, {}, {});
    if (end_of_input_ && awaits_proxy_header()) proxy_header_lost();
    if (input_is_over() && session_.waiting() == smtp::Waiting::input) session_.on_disconnect();
    if (session_.waiting() == smtp::Waiting::closed && tls_) say_farewell();
    if (has_output()) queue_send();
    if (session_.waiting() == smtp::Waiting::closed) {
        phase_ = Phase::flushing;
        end_questions();
        drop_held();
        leave_handshake();
        touch();
        if (!has_output()) finish_flush();
        return;
    }
    // What is left of a receive that ends by itself soon is cheaper than a cancel, but wants memory.
    const bool ends_soon = core_.limits_receives() && !core_.memory_is_short();
    const bool ahead = held_bytes_ > limits::input_held_bytes_max || (wants_bulk() && !ends_soon);
    if (ahead) cancel_receive();
    if (wants_receive()) queue_arm();
}

void Connection::queue_send() {
    if (!std::exchange(send_queued_, true)) core_.queue_send(slot_);
}

void Connection::queue_arm() {
    if (!std::exchange(arm_queued_, true)) core_.queue_arm(slot_);
}

void Connection::go_on() {
    if (phase_ == Phase::flushing && tls_ && has_output()) queue_send();
    if (phase_ != Phase::open) return;
    if (session_.waiting() == smtp::Waiting::room) {
        session_.resume();
        if (session_.waiting() != smtp::Waiting::room) touch();
    }
    feed_held();
    settle();
}

// --- output
// ------------------------------------------------------------------------------------------------------

void Connection::send_pending() {
    send_queued_ = false;
    if (sending_ != 0 || phase_ == Phase::ending || phase_ == Phase::closing) return;
    if (tls_) {
        seal_replies();
        if (phase_ == Phase::flushing && !has_output()) return finish_flush();
    }
    if (wire() == nullptr) return;
    const Bytes replies = wire()->payload();
    io_uring_sqe* sqe = core_.ring().request();
    io_uring_prep_send(sqe, static_cast<int>(slot_), replies.data(), replies.size(),
                       MSG_NOSIGNAL | MSG_WAITALL);
    stamp(sqe, Op::send, slot_, generation_);
    sqe->flags |= IOSQE_FIXED_FILE;
    sending_ = static_cast<std::uint32_t>(replies.size());
    ++operations_;
    if (!keeps_deadline()) set_deadline(core_.now().mono_ns + core_.send_timeout_ns());
}

void Connection::on_send(std::int32_t result) {
    --operations_;
    const std::uint32_t wanted = sending_;
    sending_ = 0;
    if (phase_ == Phase::ending) return close_if_idle();
    if (result < 0) return peer_gone();
    core_.counters().bytes_sent.add(static_cast<std::uint64_t>(result));
    if (static_cast<std::uint32_t>(result) < wanted) core_.counters().short_sends.add(1);
    wire()->begin += static_cast<std::uint32_t>(result);
    if (wire()->payload().empty()) drop_wire();
    if (tls_) seal_replies();
    if (has_output()) queue_send();
    if (phase_ == Phase::flushing) {
        if (!has_output()) finish_flush();
        return;
    }
    if (phase_ != Phase::open) return;  // the channel has failed, and with it the session
    touch();
    if (session_.waiting() == smtp::Waiting::room) go_on();
}

void Connection::drop_output() {
    if (output_ == nullptr) return;
    core_.slabs().release(output_);
    output_ = nullptr;
}

// --- the end
// -----------------------------------------------------------------------------------------------------

void Connection::finish_flush() {
    // After QUIT or the peer's own end nothing more can arrive: closing cannot turn into a reset that eats
    // the reply.
    if (end_of_input_ || peer_gone_ || session_.quit() || no_linger_) return begin_ending();
    linger();
}

void Connection::linger() {
    phase_ = Phase::lingering;
    set_deadline(core_.now().mono_ns + kLingerNs);
    io_uring_sqe* sqe = core_.ring().request();
    io_uring_prep_shutdown(sqe, static_cast<int>(slot_), SHUT_WR);
    stamp(sqe, Op::shutdown, slot_, generation_);
    sqe->flags |= IOSQE_FIXED_FILE;
    ++operations_;
    if (wants_receive()) queue_arm();
}

void Connection::on_shut_down() {
    --operations_;
    close_if_idle();
}

void Connection::peer_gone() {
    peer_gone_ = true;
    if (phase_ == Phase::open) {
        if (shaking()) handshake_failed(tls::Failure::lost, {}, {});
        if (awaits_proxy_header()) proxy_header_lost();
        session_.on_disconnect();
        end_questions();
        core_.counters().connections_lost.add(1);
    }
    begin_ending();
}

void Connection::begin_ending() {
    if (phase_ == Phase::ending || phase_ == Phase::closing) return;
    phase_ = Phase::ending;
    leave_handshake();
    drop_held();
    if (tls_ || sending_ == 0) drop_output();
    if (tls_ && sending_ == 0) drop_wire();
    if (operations_ != 0) {
        io_uring_sqe* sqe = core_.ring().request();
        io_uring_prep_cancel_fd(sqe, static_cast<int>(slot_),
                                IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD_FIXED);
        stamp(sqe, Op::cancel, slot_, generation_);
        ++operations_;
    }
    close_if_idle();
}

// Closing earlier would free the slot while a request still holds the file: the next client's connection
// would get the last one's bytes.
void Connection::close_if_idle() {
    if (phase_ != Phase::ending || operations_ != 0) return;
    phase_ = Phase::closing;
    core_.timers().cancel(slot_);
    io_uring_sqe* sqe = core_.ring().request();
    io_uring_prep_close_direct(sqe, slot_);
    stamp(sqe, Op::close, slot_, generation_);
}

void Connection::drain() {
    if (phase_ != Phase::open) return;
    session_.shut_down();
    settle();
}

void Connection::abandon() {
    if (phase_ == Phase::open) {
        session_.on_disconnect();
        end_questions();
    }
    begin_ending();
}

}  // namespace ringmx::server
