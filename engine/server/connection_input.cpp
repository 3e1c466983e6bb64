// What a connection does between its socket and its session that needs no I/O: input that the session cannot
// take yet is held, in order and bounded, and every wait has its deadline. bench/epoll_twin compiles this
// file over another kind of I/O.
#include <algorithm>
#include <cstring>

#include "base/limits.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"

namespace ringmx::server {

namespace {

constexpr Reply kOutOfMemory{421, {4, 3, 1}, "Out of memory, try again later"};

}  // namespace

// --- input held back
// ----------------------------------------------------------------------------------------------

void Connection::take_input(Bytes data) {
    if (question_ == Question::banner) early_talk(data);
    // Input that nobody waits for does not postpone the deadline of what is waited for, and neither does a
    // piece of a command line: the whole line has one deadline.
    const bool wanted = session_.waiting() == smtp::Waiting::input;
    const std::size_t before = held_bytes_ + data.size();
    if (held_first_ != nullptr) {
        hold(data);
        feed_held_chunks();
        if (wanted && held_bytes_ < before) touch();
        return;
    }
    while (!data.empty() && session_.waiting() == smtp::Waiting::input) {
        const std::size_t consumed = session_.feed(data);
        data = data.subspan(consumed);
        if (consumed == 0) break;
    }
    const bool consumed_some = data.size() < before;
    if (!session_.deaf()) hold(data);
    if (wanted && consumed_some) touch();
}

void Connection::hold(Bytes data) {
    while (!data.empty()) {
        if (held_last_ == nullptr || held_last_->room().empty()) {
            // The reserve is for replies and for what is left of a command line, not for bodies.
            const bool small = data.size() <= limits::command_line_octets_min * 4;
            Chunk* chunk = small ? core_.slabs().acquire_reserved(ChunkClass::small)
                                 : core_.slabs().acquire(ChunkClass::medium);
            if (chunk == nullptr) {
                // Nothing left even in the reserve. What is dropped here must not be missed in a message: the
                // session ends.
                core_.counters().memory_refusals.add(1);
                if (shaking()) return handshake_failed(tls::Failure::memory, {}, {});
                drop_held();  // perhaps the room for the reply
                session_.give_up(kOutOfMemory);
                return;
            }
            (held_last_ == nullptr ? held_first_ : held_last_->next) = chunk;
            held_last_ = chunk;
        }
        const std::size_t count = std::min(data.size(), held_last_->room().size());
        std::memcpy(held_last_->room().data(), data.data(), count);
        held_last_->end += static_cast<std::uint32_t>(count);
        held_bytes_ += static_cast<std::uint32_t>(count);
        data = data.subspan(count);
    }
}

void Connection::feed_held() {
    if (shaking()) return;  // it is ciphertext, which waits for its turn
    feed_held_chunks();
    // Also behind half a command line that is held: its rest may be in the channel.
    if (tls_ && tls_->channel->has_plaintext() && session_.waiting() == smtp::Waiting::input) decrypt({});
}

void Connection::feed_held_chunks() {
    while (held_first_ != nullptr && session_.waiting() == smtp::Waiting::input) {
        const std::size_t consumed = session_.feed(held_first_->payload());
        held_first_->begin += static_cast<std::uint32_t>(consumed);
        held_bytes_ -= static_cast<std::uint32_t>(consumed);
        if (held_first_->payload().empty()) {
            Chunk* empty = held_first_;
            held_first_ = empty->next;
            if (held_first_ == nullptr) held_last_ = nullptr;
            core_.slabs().release(empty);
        } else if (consumed == 0 && !join_held()) {
            break;  // a partial command line: the rest has to arrive
        }
    }
    if (session_.deaf()) drop_held();
}

// A command line may straddle two held chunks; the session wants it in one piece. Moves what is in the first
// chunk to its front and fills it from the second. False if there is no second, or nothing could be moved.
bool Connection::join_held() {
    Chunk* first = held_first_;
    Chunk* second = first->next;
    if (second == nullptr) return false;
    const Bytes rest = first->payload();
    std::memmove(first->memory, rest.data(), rest.size());
    first->begin = 0;
    first->end = static_cast<std::uint32_t>(rest.size());
    const std::size_t count = std::min(first->room().size(), second->payload().size());
    std::memcpy(first->room().data(), second->payload().data(), count);
    first->end += static_cast<std::uint32_t>(count);
    second->begin += static_cast<std::uint32_t>(count);
    if (second->payload().empty()) {
        first->next = second->next;
        if (held_last_ == second) held_last_ = first;
        core_.slabs().release(second);
    }
    return count > 0;
}

void Connection::drop_held() {
    core_.slabs().release_list(held_first_);
    held_first_ = held_last_ = nullptr;
    held_bytes_ = 0;
}

bool Connection::wants_bulk() const {
    if (message_ == nullptr || !session_.in_mail_data()) return false;
    if (core_.memory_is_short()) return true;  // what is not received need not be held
    return message_->body_bytes >= limits::bulk_octets_min ||
           session_.body_octets_expected() >= limits::bulk_octets_min;
}

// --- deadlines
// ----------------------------------------------------------------------------------------------------

// The stage's timeout from now on, unless a send is under way: then the client has to read before anything
// else counts. A handshake has one deadline from its beginning, and so has a banner that is delayed.
void Connection::touch() {
    if (sending_ != 0 || keeps_deadline()) return;
    // Who waits for us need not hurry.
    const bool calm = exempt_ || session_.waiting() == smtp::Waiting::decision;
    set_deadline(data_deadline(core_.now().mono_ns + core_.timeout_ns(session_.stage(), calm)));
}

// The wheel is only told when the deadline comes nearer: one that moves away is found out when the old one
// comes up.
void Connection::set_deadline(std::int64_t deadline_ns) {
    deadline_ns_ = deadline_ns;
    if (deadline_ns_ >= wheel_ns_ && core_.timers().armed(slot_)) return;
    wheel_ns_ = deadline_ns_;
    core_.timers().cancel(slot_);
    core_.timers().arm(slot_, deadline_ns_);
}

std::int64_t Connection::on_timer(std::int64_t now_ns) {
    wheel_ns_ = next_deadline(now_ns);
    return wheel_ns_;
}

std::int64_t Connection::next_deadline(std::int64_t now_ns) {
    if (phase_ == Phase::ending || phase_ == Phase::closing) return now_ns + kLingerNs;
    if (deadline_ns_ > now_ns) return deadline_ns_;
    const bool open = phase_ == Phase::open;
    if (open && shaking()) {
        core_.counters().timeouts.add(1);
        handshake_failed(tls::Failure::timed_out, {}, {});
    } else if (open && awaits_proxy_header()) {
        core_.counters().timeouts.add(1);
        proxy_header_timed_out();
    } else if (open && question_ == Question::banner) {
        greet();
    } else if (!open || sending_ != 0) {
        // The client does not read its replies, or lingers too long.
        if (open) core_.counters().timeouts.add(1);
        peer_gone();
        return now_ns + kLingerNs;
    } else if (session_.awaits_verdict()) {
        verdict_overdue();
    } else if (!outlasts_deadline()) {
        core_.counters().timeouts.add(1);
        session_.on_timeout();
    }
    settle();
    return deadline_ns_ > now_ns ? deadline_ns_ : now_ns + kLingerNs;
}

}  // namespace ringmx::server
