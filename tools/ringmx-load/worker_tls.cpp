// What goes through TLS: the handshake, records that arrive, records that leave. Unlike plaintext, which lies
// in the plan and needs no completion, records have buffers of their own: a connection has at most one flight
// with the kernel, and encrypts the next meanwhile.
#include <limits>
#include <utility>

#include <sys/socket.h>

#include "worker.hpp"

namespace ringmx::load {
namespace {

// Of a large mail, so much is encrypted at a time: eight records.
constexpr std::size_t kFlightOctets = 8 * TlsStream::kTextMax;

Failure failure_of(TlsFailure failure) {
    switch (failure) {
        case TlsFailure::alert:
            return Failure::tls_alert;
        case TlsFailure::verify:
            return Failure::tls_verify;
        default:
            return Failure::tls_octets;
    }
}

}  // namespace

void Worker::begin_handshake(std::uint32_t slot) {
    Client& client = clients_[slot];
    TlsClient& tls = tls_[slot];
    client.state = State::handshake;
    client.secure = true;
    if (!tls.stream.open(*tls_context_, options_.tls_resume)) return fail(slot, Failure::other);
    tls.text = {};
    tls.broken = false;
    tls.shut_down = false;
    tls.timed = true;
    touch(slot);
    on_tls_octets(slot, {});
}

void Worker::handshake_over(std::uint32_t slot) {
    Client& client = clients_[slot];
    const TlsStream& stream = tls_[slot].stream;
    if (client.reader.holds_octets()) return fail(slot, Failure::tls_injected);
    if (!is_hard(client)) {
        const bool resumed = stream.resumed();
        const std::int64_t latency_ns = now_ns_ - client.sent_ns;
        if (recording_) {
            ++(resumed ? counters_.tls_resumed : counters_.tls_full);
            phases_[Phase::tls].record(latency_ns);
        }
        if (running_) {
            ++(resumed ? second_.tls_resumed : second_.tls_full);
            second_.tls.record(latency_ns);
        }
    }
    if (tls_parameters_.empty()) tls_parameters_ = stream.parameters();
    touch(slot);
    if (options_.tls == Tls::implicit) {
        client.sent_ns = now_ns_;
        client.state = State::banner;
        return;
    }
    client.state = State::hello;  // again: what the server said before is void (RFC 3207 §4.2)
    write(slot, plan_.hello);
}

void Worker::on_tls_octets(std::uint32_t slot, std::string_view octets) {
    const Client& client = clients_[slot];
    const std::uint32_t generation = client.generation;
    TlsStream& stream = tls_[slot].stream;
    stream.feed(octets);
    while (client.generation == generation && client.state != State::closing) {
        std::string_view text;
        switch (stream.receive(tls_text_.get(), text)) {
            case TlsEvent::starved:
                return send_records(slot);
            case TlsEvent::handshake_over:
                handshake_over(slot);
                break;
            case TlsEvent::text:
                on_octets(slot, text);
                break;
            case TlsEvent::end:
                return on_end(slot, 0);
            case TlsEvent::failed:
                return on_tls_failure(slot);
        }
    }
}

void Worker::on_tls_failure(std::uint32_t slot) {
    const TlsStream& stream = tls_[slot].stream;
    if (tls_error_.empty()) tls_error_ = stream.failure_text();
    send_records(slot);  // our alert
    fail(slot, failure_of(stream.failure()));
}

// `octets` and `then` stay until the next reply.
void Worker::tls_write(std::uint32_t slot, std::string_view octets, std::string_view then) {
    TlsClient& tls = tls_[slot];
    // The server answered before it had everything: what is left of that goes out before this.
    encrypt_more(slot, std::numeric_limits<std::size_t>::max());
    if (!then.empty() && octets.size() + then.size() <= TlsStream::kTextMax) {  // in one record
        tls_joined_.assign(octets).append(then);
        tls.text = {tls_joined_};
        encrypt_more(slot, std::numeric_limits<std::size_t>::max());
    } else {
        tls.text = {octets, then};
        const bool all = is_hard(clients_[slot]);  // its text does not stay
        encrypt_more(slot, all ? std::numeric_limits<std::size_t>::max() : kFlightOctets);
    }
    send_records(slot);
}

// Encrypts until the flight has `flight_octets`, or nothing is left.
void Worker::encrypt_more(std::uint32_t slot, std::size_t flight_octets) {
    TlsClient& tls = tls_[slot];
    while (tls.stream.output().size() < flight_octets) {
        if (tls.text[0].empty()) {
            if (tls.text[1].empty()) return;
            tls.text = {tls.text[1]};
        }
        const std::string_view piece = tls.text[0].substr(0, kFlightOctets);
        tls.text[0].remove_prefix(piece.size());
        tls.timed = true;
        if (!tls.stream.encrypt(piece)) tls.broken = true;
    }
}

void Worker::send_records(std::uint32_t slot) {
    Client& client = clients_[slot];
    TlsClient& tls = tls_[slot];
    if (client.sending || tls.broken || tls.stream.output().empty()) return;
    tls.flight.clear();
    std::swap(tls.flight, tls.stream.output());
    io_uring_sqe* sqe = request();
    io_uring_prep_send(sqe, client.fd, tls.flight.data(), tls.flight.size(), MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = tag(op_tls_send, slot);
    client.sending = true;
    if (std::exchange(tls.timed, false)) written_.push_back(slot);
}

void Worker::on_tls_sent(std::uint32_t slot, int result) {
    Client& client = clients_[slot];
    TlsClient& tls = tls_[slot];
    client.sending = false;
    if (client.state == State::closing) return request_over(slot);
    if (result < 0 || static_cast<std::size_t>(result) != tls.flight.size()) {
        tls.broken = true;  // the receive tells more
        return;
    }
    encrypt_more(slot, kFlightOctets);
    send_records(slot);
    if (client.sending || !tls.shut_down) return;
    tls.shut_down = false;
    io_uring_sqe* sqe = request();
    io_uring_prep_shutdown(sqe, client.fd, SHUT_WR);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(op_send, slot);
}

// close_notify behind everything that was written; with `shut_down`, the end of the TCP stream behind that.
void Worker::tls_end(std::uint32_t slot, bool shut_down) {
    TlsClient& tls = tls_[slot];
    encrypt_more(slot, std::numeric_limits<std::size_t>::max());
    tls.stream.end();
    tls.shut_down = shut_down;
    send_records(slot);
}

}  // namespace ringmx::load
