// The clients that a server must bear: slow (a few octets at a time), stalled (half a message, then nothing),
// resetting (a reset somewhere in a message), half-closing (shutdown(2) for writing behind the message,
// before its reply). They go through the same replies as the others; what differs is how they write and how
// they end. Each connects again a moment after its connection has ended.
#include <algorithm>

#include <sys/socket.h>

#include "base/clock.hpp"
#include "worker.hpp"

namespace ringmx::load {
namespace {

constexpr double kSlowIntervalS =
    0.1;  // between the writes of a slow client that writes ten octets and more a second

enum ResetTurn : std::uint32_t { before_mail, before_data, within_data, behind_data, reset_turns };

}  // namespace

std::string Worker::whole_mail(std::uint32_t slot) {
    std::string text = plan_.mails[clients_[slot].mail].wire;
    if (plan_.unique) text.append(tails_[slot].data(), kTailOctets + (plan_.bdat ? 0 : kEndOfData.size()));
    return text;
}

// Everything but mail data.
void Worker::hard_write(std::uint32_t slot, std::string_view octets) {
    HardClient& hard = hard_[slot];
    hard.text = octets;
    hard.written = 0;
    hard_write_more(slot);
}

// The next piece of a slow client's text, or all of another's.
void Worker::hard_write_more(std::uint32_t slot, bool shut_down) {
    Client& client = clients_[slot];
    HardClient& hard = hard_[slot];
    const std::size_t left = hard.text.size() - hard.written;
    if (left == 0) return fail(slot, Failure::timeout);  // its time came and no reply has
    std::size_t count = left;
    if (client.kind == Kind::slow && client.state == State::message) {
        const auto piece = static_cast<std::size_t>(options_.slow_rate * kSlowIntervalS);
        count = std::clamp<std::size_t>(piece, 1, left);
    }
    if (client.secure) {
        tls_write(slot, std::string_view(hard.text).substr(hard.written, count));
        hard.written += count;
        if (shut_down) tls_end(slot, true);
        return hard_wait(slot, count);
    }
    if (shut_down) ring_->reserve(2);
    io_uring_sqe* sqe = request();
    io_uring_prep_send(sqe, client.fd, hard.text.data() + hard.written, count, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(op_send, slot);
    written_.push_back(slot);
    hard.written += count;
    if (shut_down) {
        sqe->flags |= IOSQE_IO_LINK;
        sqe = request();
        io_uring_prep_shutdown(sqe, client.fd, SHUT_WR);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = tag(op_send, slot);
    }
    hard_wait(slot, count);
}

// For the reply, or for the time to write on: a slow client's `count` octets take theirs.
void Worker::hard_wait(std::uint32_t slot, std::size_t count) {
    if (hard_[slot].written == hard_[slot].text.size()) return wake_at(slot, now_ns_ + timeout_ns());
    wake_at(slot, now_ns_ + static_cast<std::int64_t>(static_cast<double>(count) / options_.slow_rate * 1e9));
}

void Worker::hard_write_mail(std::uint32_t slot) {
    Client& client = clients_[slot];
    HardClient& hard = hard_[slot];
    if (resets_here(slot, before_data)) return;
    hard.text = whole_mail(slot);
    hard.written = 0;
    const bool half = client.kind == Kind::stalled ||
                      (client.kind == Kind::resetting && hard.turn % reset_turns == within_data);
    if (half) hard.text.resize(hard.text.size() / 2);
    hard_write_more(slot, client.kind == Kind::half_closing);
    if (!resets_here(slot, within_data)) resets_here(slot, behind_data);
}

bool Worker::resets_here(std::uint32_t slot, std::uint32_t turn) {
    if (clients_[slot].kind != Kind::resetting || hard_[slot].turn % reset_turns != turn) return false;
    ++hard_[slot].turn;
    reset_connection(slot);
    return true;
}

void Worker::reset_connection(std::uint32_t slot) {
    clients_[slot].linger_off = true;
    close_after_last_request(slot);
}

// Its message has been acknowledged.
void Worker::hard_message_over(std::uint32_t slot) {
    Client& client = clients_[slot];
    if (client.kind == Kind::slow) return start_message(slot);
    client.state = State::quit;  // half-closing: the server, too, sees the end
    touch(slot);
}

}  // namespace ringmx::load
