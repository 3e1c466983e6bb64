// A message, from the work that is due to its last reply. See plan.hpp for the numbering of replies.
#include <sys/socket.h>
#include <sys/uio.h>

#include "ack_line.hpp"
#include "worker.hpp"

namespace ringmx::load {

// Whether another message may begin now; if so, it counts as begun. What an open loop owes is sent after the
// end, too.
bool Worker::may_begin() {
    if (exhausted_ || shared_.stop.load(std::memory_order_relaxed)) return false;
    if (!schedule_ && now_ns_ >= end_ns_) return false;
    if (options_.messages == 0) return true;
    exhausted_ = shared_.taken.fetch_add(1, std::memory_order_relaxed) >= options_.messages;
    return !exhausted_;
}

// A connection has nothing under way: the next message, the end of the connection, or waiting for work.
void Worker::work_or_idle(std::uint32_t slot) {
    Client& client = clients_[slot];
    client.state = State::idle;
    const std::uint64_t limit = client.kind == Kind::one_shot ? 1 : options_.per_connection;
    if (limit > 0 && client.messages >= limit) return quit(slot);
    if (running_ && !leaving_) {
        if (!schedule_) {
            if (may_begin()) return assign(slot, 0);
        } else if (schedule_->next_ns() <= now_ns_ && schedule_->next_ns() < end_ns_ && may_begin()) {
            const std::int64_t due_ns = schedule_->next_ns();
            schedule_->take();
            return assign(slot, due_ns);
        }
    }
    idle_.push(slot);
}

// The same for a slot without a connection: it is opened when there is work for it.
void Worker::work_or_free(std::uint32_t slot) {
    if (running_ && !leaving_ && !schedule_ && may_begin()) return assign(slot, 0);
    free_.push(slot);
}

// `due_ns` 0: the message begins with its first write.
void Worker::assign(std::uint32_t slot, std::int64_t due_ns) {
    Client& client = clients_[slot];
    client.assigned = true;
    client.begin_ns = due_ns;
    client.counted = due_ns == 0 ? recording_ : due_ns >= shared_.times.measure_ns;
    ++busy_;
    if (client.counted) ++counters_.attempted;
    client.state == State::idle ? start_message(slot) : open(slot);
}

void Worker::start_message(std::uint32_t slot) {
    Client& client = clients_[slot];
    client.state = State::message;
    client.assigned = false;
    client.first_write = true;
    client.mail_accepted = false;
    client.data_refused = false;
    client.reply = 0;
    client.accepted = 0;
    client.refusal = 0;
    client.mail = plan_.order[order_at_];
    if (++order_at_ == plan_.order.size()) order_at_ = 0;
    touch(slot);
    if (is_hard(client)) {
        ++hard_counters(client).messages;
        if (resets_here(slot, 0)) return;
    }
    if (!plan_.pipelined) return write(slot, plan_.commands[0]);
    plan_.bdat ? write_mail(slot) : write(slot, plan_.envelope);
}

void Worker::on_message_reply(std::uint32_t slot, const Reply& reply) {
    Client& client = clients_[slot];
    const std::uint32_t number = client.reply++;
    const bool accepted = reply.code / 100 == 2;
    const bool data = !plan_.bdat && number == plan_.data_reply();
    if (!accepted && !(data && reply.code == 354)) {
        if (client.refusal == 0) client.refusal = reply.code;
        if (number >= plan_.data_reply()) client.data_refused = true;
    }
    if (number <= plan_.recipients) return on_envelope_reply(slot, number, accepted);
    if (data) return on_data_reply(slot, reply.code);
    if (number == plan_.last_reply(plan_.mails[client.mail])) on_final_reply(slot, reply);
}

void Worker::on_envelope_reply(std::uint32_t slot, std::uint32_t number, bool accepted) {
    Client& client = clients_[slot];
    if (number == 0) {
        client.mail_accepted = accepted;
    } else if (accepted && client.mail_accepted) {
        ++client.accepted;
    } else if (client.counted && !is_hard(client)) {
        ++counters_.recipients_refused;
    }
    const bool last = number == plan_.recipients;
    if (last && client.counted && !is_hard(client)) {
        phases_[Phase::envelope].record(now_ns_ - client.mail_ns);
    }
    if (plan_.pipelined) return;
    if (!client.mail_accepted || (last && client.accepted == 0)) return rejected(slot);
    if (!last) return write(slot, plan_.commands[number + 1]);
    plan_.bdat ? write_mail(slot) : write(slot, plan_.commands[number + 1]);
}

void Worker::on_data_reply(std::uint32_t slot, std::uint16_t code) {
    if (code != 354) return rejected(slot);
    // A server may say 354 though it took no recipient: then an empty message ends it (RFC 2920 §3.1).
    if (clients_[slot].accepted == 0) return write(slot, kEndOfData);
    write_mail(slot);
}

void Worker::on_final_reply(std::uint32_t slot, const Reply& reply) {
    const Client& client = clients_[slot];
    if (client.data_refused || client.accepted == 0) return rejected(slot);
    acknowledged(slot, reply);
}

void Worker::acknowledged(std::uint32_t slot, const Reply& reply) {
    const Client& client = clients_[slot];
    if (shared_.acks != nullptr) append_ack(slot, reply);
    if (is_hard(client)) {
        ++hard_counters(client).acknowledged;
        return hard_message_over(slot);
    }
    const std::uint64_t octets = plan_.mails[client.mail].octets;
    const std::int64_t latency_ns = now_ns_ - client.begin_ns;
    if (client.counted) {
        ++counters_.acknowledged;
        phases_[Phase::data].record(now_ns_ - client.sent_ns);
        phases_[Phase::message].record(latency_ns);
    }
    if (recording_) {
        ++counters_.since_measure;
        if (now_ns_ < end_ns_) {
            ++counters_.in_window;
            counters_.octets += octets;
        }
    }
    ++second_.acknowledged;
    second_.octets += octets;
    second_.latency.record(latency_ns);
    Live::add(live_.acknowledged, std::uint64_t{1});
    Live::add(live_.octets, octets);
    message_over(slot, false);
}

// The server refused the message, or all of its recipients.
void Worker::rejected(std::uint32_t slot) {
    Client& client = clients_[slot];
    // With all of its mail data refused or none sent, the transaction is still open in the server, unless the
    // refusal answered the end of the mail data (RFC 5321 §4.1.1.4). After a refused BDAT: RFC 3030 §2.
    const bool over = !plan_.bdat && client.reply > plan_.data_reply() + 1;
    if (is_hard(client)) return close_after_last_request(slot);
    if (client.counted) ++(client.refusal < 500 ? counters_.rejected_4xx : counters_.rejected_5xx);
    ++second_.not_acknowledged;
    Live::add(live_.not_acknowledged, std::uint64_t{1});
    message_over(slot, client.mail_accepted && !over);
}

// The connection broke under the message.
void Worker::lost(std::uint32_t slot) {
    Client& client = clients_[slot];
    client.assigned = false;
    --busy_;
    if (client.counted) ++counters_.failed;
    ++second_.not_acknowledged;
    Live::add(live_.not_acknowledged, std::uint64_t{1});
}

void Worker::message_over(std::uint32_t slot, bool reset_first) {
    Client& client = clients_[slot];
    --busy_;
    ++client.messages;
    if (!reset_first) return work_or_idle(slot);
    client.state = State::rset;
    write(slot, "RSET\r\n");
}

void Worker::append_ack(std::uint32_t slot, const Reply& reply) {
    const Mail& mail = plan_.mails[clients_[slot].mail];
    Sha256::Digest digest = mail.digest;
    if (plan_.unique) {
        Sha256 hash = mail.hash;
        hash.add({tails_[slot].data(), kTailOctets});
        digest = hash.finish();
    }
    tools::append_ack_line(ack_text_, tools::id_of_reply(reply.text), digest, mail.octets);
}

// `octets` stay until the next reply.
void Worker::write(std::uint32_t slot, std::string_view octets) {
    const Client& client = clients_[slot];
    if (is_hard(client)) return hard_write(slot, octets);
    if (client.secure) return tls_write(slot, octets);
    io_uring_sqe* sqe = request();
    io_uring_prep_send(sqe, client.fd, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(op_send, slot);
    written_.push_back(slot);
}

void Worker::write_mail(std::uint32_t slot) {
    const Client& client = clients_[slot];
    const Mail& mail = plan_.mails[client.mail];
    if (plan_.unique) tails_[slot] = make_tail(shared_.run_id, unique_number_++);
    if (is_hard(client)) return hard_write_mail(slot);
    if (!plan_.unique) return write(slot, mail.wire);
    const std::size_t tail_octets = kTailOctets + (plan_.bdat ? 0 : kEndOfData.size());
    if (client.secure) return tls_write(slot, mail.wire, {tails_[slot].data(), tail_octets});
    iovec* const pieces = &pieces_[2 * std::size_t{slot}];
    pieces[0] = {const_cast<char*>(mail.wire.data()), mail.wire.size()};
    pieces[1] = {tails_[slot].data(), tail_octets};
    headers_[slot] = msghdr{};
    headers_[slot].msg_iov = pieces;
    headers_[slot].msg_iovlen = 2;
    io_uring_sqe* sqe = request();
    io_uring_prep_sendmsg(sqe, client.fd, &headers_[slot], MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(op_send, slot);
    written_.push_back(slot);
}

}  // namespace ringmx::load
