// The socket's side of a connection over epoll: it stands in for engine/server/connection_io.cpp. Receiving
// and sending are system calls made here and now, and a socket that has nothing to give, or takes nothing, is
// left alone until epoll says otherwise. The phases of a connection are those of engine/server/connection.hpp
// without `ending`: no request is ever with the kernel, so nothing has to be waited for before the close.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"

namespace ringmx::server {

namespace {

// Received from one connection before the others have their turn.
constexpr std::size_t kOctetsPerTurnMax = 4 * limits::receive_buffer_bulk_bytes;

// As recv(2) and send(2), but no points at which a thread can be cancelled: those cost 2 % of a message.
ssize_t receive(std::uint32_t slot, MutableBytes room) {
    return ::syscall(SYS_recvfrom, static_cast<int>(slot), room.data(), room.size(), MSG_DONTWAIT, nullptr,
                     nullptr);
}
ssize_t send(std::uint32_t slot, Bytes octets) {
    return ::syscall(SYS_sendto, static_cast<int>(slot), octets.data(), octets.size(),
                     MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
}

}  // namespace

Connection::Connection(Core& core, std::uint32_t slot, std::uint32_t generation, const PeerAddress& peer,
                       const smtp::SessionOptions& options, smtp::BareNewline bare_newline, smtp::TlsUse tls)
    : core_(core),
      slot_(slot),
      generation_(generation),
      peer_(peer),
      session_(options, *this, bare_newline, tls) {}

Connection::~Connection() {
    RMX_ASSERT(message_ == nullptr);
    drop_held();
    drop_output();
}

void Connection::begin() {
    session_.start();
    touch();
    settle();
}

// --- input
// -------------------------------------------------------------------------------------------------------

// Unlike over io_uring, what arrives while a decision is outstanding stays in the socket.
bool Connection::wants_receive() const {
    if (end_of_input_) return false;
    if (phase_ == Phase::lingering) return true;
    return phase_ == Phase::open && !session_.deaf() && session_.waiting() == smtp::Waiting::input;
}

// How much may be received now without having to be held; 0: there is no room, and the connection is queued
// for it.
std::size_t Connection::bulk_octets() {
    return body_room().size();
}

// Receives as long as it is wanted and there is something. A read that comes back short has emptied the
// socket; only the end of the input may still be behind it, and that epoll has announced.
void Connection::arm_receive() {
    arm_queued_ = false;
    std::size_t received = 0;
    while (wants_receive()) {
        if (!core_.readable(slot_)) return core_.watch(slot_, true, sending_ != 0);
        if (received >= kOctetsPerTurnMax) return queue_arm();
        const MutableBytes buffer = core_.receive_buffer();
        const std::size_t wanted = std::min(wants_bulk() ? bulk_octets() : buffer.size(), buffer.size());
        if (wanted == 0) break;  // go_on() comes back here
        const ssize_t count = receive(slot_, buffer.first(wanted));
        const bool short_read = count < 0 || static_cast<std::size_t>(count) < wanted;
        if (count <= 0 || (short_read && !core_.hung_up(slot_))) core_.drained(slot_);
        if (count < 0 && errno == EAGAIN) continue;
        received += count > 0 ? static_cast<std::size_t>(count) : 0;
        on_receive(count < 0 ? -errno : static_cast<std::int32_t>(count),
                   count > 0 ? Bytes(buffer.first(static_cast<std::size_t>(count))) : Bytes{}, false, false);
    }
    if (core_.readable(slot_)) core_.watch(slot_, false, sending_ != 0);
}

void Connection::on_receive(std::int32_t result, Bytes data, bool, bool) {
    if (phase_ == Phase::lingering) {
        if (result > 0) lingered_octets_ += static_cast<std::uint32_t>(result);
        if (result <= 0 || lingered_octets_ > limits::linger_octets_max) begin_ending();
        return;
    }
    if (result < 0) return peer_gone();
    if (result > 0) {
        core_.counters().bytes_received.add(static_cast<std::uint64_t>(result));
        take_input(data);
    } else {
        end_of_input_ = true;
    }
    settle();
}

// --- after anything that moved the session
// -----------------------------------------------------------------------------

void Connection::settle() {
    if (phase_ != Phase::open) return;
    stream_full_chunks();
    if (end_of_input_ && session_.waiting() == smtp::Waiting::input) session_.on_disconnect();
    if (output_ != nullptr) queue_send();
    if (session_.waiting() == smtp::Waiting::closed) {
        phase_ = Phase::flushing;
        end_questions();
        drop_held();
        touch();
        if (output_ == nullptr) finish_flush();
        return;
    }
    // Read on where a decision or want of room had stopped it.
    if (!wants_receive()) return;
    if (core_.readable(slot_)) {
        queue_arm();
    } else {
        core_.watch(slot_, true, sending_ != 0);
    }
}

void Connection::queue_send() {
    if (!std::exchange(send_queued_, true)) core_.queue_send(slot_);
}

void Connection::queue_arm() {
    if (!std::exchange(arm_queued_, true)) core_.queue_arm(slot_);
}

void Connection::go_on() {
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
    if (output_ == nullptr || phase_ == Phase::closing || !core_.writable(slot_)) return;
    const ssize_t count = send(slot_, output_->payload());
    if (count < 0 && errno != EAGAIN) return peer_gone();
    on_send(count < 0 ? 0 : static_cast<std::int32_t>(count));
}

void Connection::on_send(std::int32_t result) {
    core_.counters().bytes_sent.add(static_cast<std::uint64_t>(result));
    output_->begin += static_cast<std::uint32_t>(result);
    const bool was_short = !output_->payload().empty();
    if (was_short) {
        // From the first octet that the client does not read on: send_s, whatever the rest does.
        core_.counters().short_sends.add(1);
        core_.blocked(slot_);
        core_.watch(slot_, wants_receive(), true);
        sending_ = static_cast<std::uint32_t>(output_->payload().size());
        set_deadline(core_.now().mono_ns + core_.send_timeout_ns());
        return;
    }
    if (std::exchange(sending_, 0u) != 0) core_.watch(slot_, wants_receive(), false);
    drop_output();
    if (phase_ == Phase::flushing) return finish_flush();
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
    if (end_of_input_ || peer_gone_ || session_.quit()) return begin_ending();
    linger();
}

void Connection::linger() {
    phase_ = Phase::lingering;
    set_deadline(core_.now().mono_ns + kLingerNs);
    ::shutdown(static_cast<int>(slot_), SHUT_WR);
    queue_arm();
}

void Connection::peer_gone() {
    peer_gone_ = true;
    if (phase_ == Phase::open) {
        session_.on_disconnect();
        end_questions();
        core_.counters().connections_lost.add(1);
    }
    begin_ending();
}

// The core closes and frees the slot at the end of the turn, when no event of this turn names it any more.
void Connection::begin_ending() {
    if (phase_ == Phase::closing) return;
    phase_ = Phase::closing;
    drop_held();
    drop_output();
    core_.timers().cancel(slot_);
    core_.queue_close(slot_);
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
