// The life of a connection: connect, greeting, EHLO, replies, QUIT, and every way in which it breaks.
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "worker.hpp"

namespace ringmx::load {
namespace {

constexpr std::int64_t kPauseNs = 100 * kNsPerMs;  // after a connection that failed, before the next

// The k-th of n addresses spread over 127.0.0.0/8; never 127.0.0.0 or 127.255.255.255.
in_addr source_address(std::uint32_t k, std::uint32_t n) {
    const std::uint64_t span = (std::uint64_t{1} << 24) - 2;
    const auto host = static_cast<std::uint32_t>(1 + span * k / n);
    return {htonl(127u << 24 | host)};
}

Failure failure_of(int error) {
    switch (error) {
        case ECONNREFUSED:
            return Failure::refused;
        case ECONNRESET:
        case EPIPE:
            return Failure::reset;
        case EADDRNOTAVAIL:
        case EADDRINUSE:
            return Failure::no_port;
        case ETIMEDOUT:
            return Failure::timeout;
        default:
            return Failure::other;
    }
}

}  // namespace

// A socket with its options and its source address; -1 with the failure.
int Worker::make_socket(std::uint32_t slot, Failure& failure) {
    const int family = options_.target.address.ss_family;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        failure = Failure::other;
        return -1;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!options_.congestion.empty()) {
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options_.congestion.data(),
                   static_cast<socklen_t>(options_.congestion.size()));
    }
    if (options_.sources > 1) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        sockaddr_in source{};
        source.sin_family = AF_INET;
        source.sin_addr = source_address((slot * threads_ + number_) % options_.sources, options_.sources);
        if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
            failure = failure_of(errno);
            close(fd);
            return -1;
        }
    }
    return fd;
}

void Worker::open(std::uint32_t slot) {
    Client& client = clients_[slot];
    Failure failure = Failure::other;
    client.fd = make_socket(slot, failure);
    client.state = State::connecting;
    client.messages = 0;
    client.linger_off = false;
    client.failed = false;
    client.first_write = false;
    client.reader.clear();
    client.secure = false;
    ++open_;
    ++opening_;
    if (client.fd < 0) return fail(slot, failure);
    io_uring_sqe* sqe = request();
    io_uring_prep_connect(sqe, client.fd, reinterpret_cast<const sockaddr*>(&options_.target.address),
                          options_.target.address_octets);
    sqe->user_data = tag(op_connect, slot);
    client.armed = true;
    written_.push_back(slot);
    touch(slot);
    if (is_hard(client)) {
        ++hard_counters(client).connections;
    } else if (recording_) {
        ++counters_.connections;
    }
}

void Worker::on_connect(std::uint32_t slot, int result) {
    Client& client = clients_[slot];
    client.armed = false;
    if (client.state == State::closing) return closed(slot);
    if (result < 0) {
        const Failure failure = failure_of(-result);
        return fail(slot, failure == Failure::other ? Failure::connect_failed : failure);
    }
    Live::add(live_.connected, 1u);
    last_connect_ns_ = now_ns_;
    connects_failed_ = 0;
    if (recording_ && !is_hard(client)) phases_[Phase::connect].record(now_ns_ - client.sent_ns);
    client.sent_ns = now_ns_;
    client.state = State::banner;
    touch(slot);
    arm_receive(slot);
    if (options_.tls == Tls::implicit) begin_handshake(slot);
}

void Worker::arm_receive(std::uint32_t slot) {
    Client& client = clients_[slot];
    io_uring_sqe* sqe = request();
    io_uring_prep_recv_multishot(sqe, client.fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffers_->group();
    sqe->user_data = tag(op_receive, slot);
    client.armed = true;
}

void Worker::on_receive(std::uint32_t slot, const io_uring_cqe& cqe) {
    Client& client = clients_[slot];
    const std::uint32_t generation = client.generation;
    const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
    if (!more) client.armed = false;
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
        const std::uint16_t id = ring::BufferRing::buffer_id(cqe.flags);
        buffers_->taken();
        if (cqe.res > 0 && client.state != State::closing) {
            const std::string_view octets = as_text(buffers_->view(id, static_cast<std::size_t>(cqe.res)));
            client.secure ? on_tls_octets(slot, octets) : on_octets(slot, octets);
        }
        buffers_->give_back(id);
    }
    if (more || client.generation != generation) return;
    if (client.state == State::closing) return request_over(slot);
    if (cqe.res > 0 || cqe.res == -ENOBUFS) return arm_receive(slot);
    on_end(slot, cqe.res);
}

void Worker::on_octets(std::uint32_t slot, std::string_view octets) {
    Client& client = clients_[slot];
    const std::uint32_t generation = client.generation;
    Reply reply;
    while (client.state != State::closing && client.generation == generation &&
           client.reader.next(octets, reply)) {
        on_reply(slot, reply);
    }
}

void Worker::on_reply(std::uint32_t slot, const Reply& reply) {
    Client& client = clients_[slot];
    if (reply.code == 0) {
        return fail(slot, client.state == State::handshake ? Failure::tls_injected : Failure::malformed);
    }
    if (recording_) ++counters_.replies[reply.code];
    const bool good = reply.code / 100 == 2;
    if (reply.code == 421 && client.state != State::quit) return fail(slot, Failure::shut_down);
    touch(slot);
    switch (client.state) {
        case State::message:
            return on_message_reply(slot, reply);
        case State::banner:
            if (reply.code != 220) return fail(slot, Failure::banner);
            if (recording_ && !is_hard(client)) phases_[Phase::banner].record(now_ns_ - client.sent_ns);
            client.state = State::hello;
            return write(slot, plan_.hello);
        case State::hello:
            if (!good) return fail(slot, Failure::ehlo);
            if (recording_ && !is_hard(client)) phases_[Phase::ehlo].record(now_ns_ - client.sent_ns);
            if (options_.tls != Tls::starttls || client.secure) return ready(slot);
            client.state = State::starttls;
            return write(slot, "STARTTLS\r\n");
        case State::starttls:
            if (reply.code != 220) return fail(slot, Failure::starttls);
            return begin_handshake(slot);
        case State::handshake:  // in the clear, behind the reply to STARTTLS
            return fail(slot, Failure::tls_injected);
        case State::rset:
            return good ? work_or_idle(slot) : fail(slot, Failure::rset);
        case State::quit:  // the end of the stream follows
            if (client.secure) tls_end(slot);
            return;
        default:
            return fail(slot, Failure::malformed);  // nothing asked for it
    }
}

// The server ended the stream (0), or the connection broke (-errno).
void Worker::on_end(std::uint32_t slot, int result) {
    switch (clients_[slot].state) {
        case State::quit:
            return close_after_last_request(slot);
        case State::handshake:
            return fail(slot, Failure::tls_closed);
        case State::idle:
            return fail(slot, result == 0 ? Failure::closed_idle : failure_of(-result));
        default:
            return fail(slot, result == 0 ? Failure::closed : failure_of(-result));
    }
}

// Connected and greeted.
void Worker::ready(std::uint32_t slot) {
    Client& client = clients_[slot];
    --opening_;
    if (is_hard(client) || client.assigned) return start_message(slot);
    if (running_) return work_or_idle(slot);
    client.state = State::idle;
    idle_.push(slot);
}

void Worker::quit(std::uint32_t slot) {
    clients_[slot].state = State::quit;
    touch(slot);
    write(slot, "QUIT\r\n");
}

// Ends the connection and what it was doing, and lets the slot rest for a moment.
void Worker::fail(std::uint32_t slot, Failure failure) {
    Client& client = clients_[slot];
    if (is_hard(client)) {
        const bool ours = client.kind == Kind::half_closing && client.state == State::quit;
        if (!ours) ++hard_counters(client).cut_off;
    } else {
        count_failure(failure);
    }
    if (client.state == State::idle) idle_.remove(slot);
    if (client.state == State::connecting) ++connects_failed_;
    if (client.state <= State::hello) --opening_;
    if (!is_hard(client) && (client.assigned || client.state == State::message)) lost(slot);
    client.failed = true;
    close_after_last_request(slot);
}

void Worker::count_failure(Failure failure) {
    if (recording_) ++counters_.failures[static_cast<std::size_t>(failure)];
    if (running_) {
        ++second_.failures;
        if (is_of_tls(failure)) ++second_.tls_failures;
    }
    Live::add(live_.failures, std::uint64_t{1});
}

// The descriptor is closed when no request of ours is on it any more: a cancelled one still completes.
void Worker::close_after_last_request(std::uint32_t slot) {
    Client& client = clients_[slot];
    client.state = State::closing;
    if (!client.armed && !client.sending) return closed(slot);
    io_uring_sqe* sqe = request();
    io_uring_prep_cancel_fd(sqe, client.fd, IORING_ASYNC_CANCEL_ALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = tag(op_cancel, slot);
}

// One of the last requests has come back.
void Worker::request_over(std::uint32_t slot) {
    const Client& client = clients_[slot];
    if (!client.armed && !client.sending) closed(slot);
}

void Worker::closed(std::uint32_t slot) {
    Client& client = clients_[slot];
    if (client.secure) tls_[slot].stream.close();
    if (client.fd >= 0) {
        if (client.linger_off) {
            const linger off{.l_onoff = 1, .l_linger = 0};
            setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
        }
        close(client.fd);
        client.fd = -1;
    }
    ++client.generation;
    --open_;
    client.state = State::closed;
    if (leaving_) return;
    if (is_hard(client) || client.failed) return pause(slot, now_ns_ + kPauseNs);
    work_or_free(slot);
}

void Worker::pause(std::uint32_t slot, std::int64_t until_ns) {
    clients_[slot].state = State::pause;
    wake_at(slot, until_ns);
}

// Moves the deadline on; the wheel asks for it when the old one has come.
void Worker::touch(std::uint32_t slot) {
    Client& client = clients_[slot];
    client.deadline_ns = now_ns_ + timeout_ns();
    timers_->arm(slot, client.deadline_ns);
}

// The same for a deadline that may be earlier than the one before.
void Worker::wake_at(std::uint32_t slot, std::int64_t time_ns) {
    clients_[slot].deadline_ns = time_ns;
    timers_->cancel(slot);
    timers_->arm(slot, time_ns);
}

}  // namespace ringmx::load
