// The floor: what a message costs an io_uring server that does next to nothing with it. The yardstick of
// docs/benchmarks.md, and no mail server: it looks at the first letter of each line, accepts everything,
// and keeps nothing, or with --durable puts each body on disk before its 250 (batch_log.hpp). It shares no
// code with the engine, nor with the rest of ringmx-load, so that a mistake there is not hidden by the same
// mistake here.
//
// One thread, one ring, multishot receive into a provided buffer ring, direct descriptors, and one send per
// connection and loop. A slot's descriptor is closed only after its receive and its send have ended.
#include "sink.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "batch_log.hpp"
#include "end_of_data.hpp"
#include "fatal.hpp"

namespace ringmx::floor {
namespace {

constexpr unsigned kRingEntries = 4096;
constexpr unsigned kCompletionEntries = 32768;
constexpr unsigned kConnectionsMax = 16384;
constexpr unsigned kBuffers = 256;
constexpr std::size_t kBufferBytes = 64u << 10;
constexpr std::size_t kBufferStride =
    kBufferBytes + 1088;               // spreads the buffers' heads over the cache's sets
constexpr std::size_t kLineKept = 64;  // of a command line that arrives in pieces

enum Op : std::uint64_t { accept_op, receive_op, send_op, cancel_op, close_op, write_op };
constexpr std::uint64_t tag(Op op) {
    return static_cast<std::uint64_t>(op) << 32;
}

enum class Mode : std::uint8_t { command, data, chunk };

struct Connection {
    Mode mode = Mode::command;
    bool receiving = false;
    bool sending = false;
    bool changed = false;  // is in the list of connections to look at after this loop
    bool quit = false;
    bool chunk_last = false;
    EndOfData end_of_data;
    std::uint32_t held = 0;  // replies that wait for the disk
    std::uint64_t chunk_left = 0;
    std::string line;     // the start of a command line whose end has not arrived
    std::string replies;  // not yet given to the kernel
    std::string in_send;
};

class Floor {
 public:
    Floor(int listener, const char* durable_path);
    [[noreturn]] void run();

 private:
    void set_up_ring();
    void set_up_buffers();
    void give_back(unsigned id);
    void arm_accept();
    void arm_receive(std::uint32_t slot);
    void on_completion(const io_uring_cqe& cqe);
    void on_accept(const io_uring_cqe& cqe);
    void on_receive(std::uint32_t slot, const io_uring_cqe& cqe);
    void on_octets(std::uint32_t slot, const char* octets, std::size_t count);
    std::size_t command(std::uint32_t slot, const char* octets, std::size_t count);
    std::size_t body(std::uint32_t slot, const char* octets, std::size_t count);
    void answer(std::uint32_t slot, std::string_view line);
    void begin_chunk(std::uint32_t slot, std::string_view line);
    void reply(std::uint32_t slot, std::string_view text, bool after_storage = false);
    void mark(std::uint32_t slot);
    void settle(std::uint32_t slot);

    int listener_;
    io_uring ring_{};
    io_uring_buf_ring* buffer_ring_ = nullptr;
    char* buffers_ = nullptr;
    unsigned given_back_ = 0;
    std::vector<Connection> connections_;
    std::vector<std::uint32_t> changed_;
    std::optional<BatchLog> log_;
};

Floor::Floor(int listener, const char* durable_path) : listener_(listener) {
    set_up_ring();
    set_up_buffers();
    if (durable_path != nullptr) log_.emplace(ring_, durable_path, tag(write_op));
    arm_accept();
}

void Floor::set_up_ring() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletionEntries;
    int result = io_uring_queue_init_params(kRingEntries, &ring_, &params);
    if (result < 0) fatal("io_uring_setup", -result);
    io_uring_register_ring_fd(&ring_);

    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const unsigned slots = static_cast<unsigned>(std::min<rlim_t>(kConnectionsMax, files.rlim_cur));
    result = io_uring_register_files_sparse(&ring_, slots);
    if (result < 0) fatal("registering descriptors", -result);
    connections_.resize(slots);
}

void Floor::set_up_buffers() {
    const std::size_t ring_bytes = kBuffers * sizeof(io_uring_buf);
    void* memory = mmap(nullptr, ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fatal("mmap", errno);
    buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(buffer_ring_);
    registration.ring_entries = kBuffers;
    const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
    if (result < 0) fatal("registering receive buffers", -result);

    memory =
        mmap(nullptr, kBuffers * kBufferStride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fatal("mmap", errno);
    buffers_ = static_cast<char*>(memory);
    for (unsigned id = 0; id < kBuffers; ++id)
        give_back(id);
}

void Floor::give_back(unsigned id) {
    io_uring_buf_ring_add(buffer_ring_, buffers_ + id * kBufferStride, kBufferBytes,
                          static_cast<unsigned short>(id), io_uring_buf_ring_mask(kBuffers),
                          static_cast<int>(given_back_++));
}

void Floor::arm_accept() {
    io_uring_sqe* sqe = next_sqe(ring_);
    io_uring_prep_multishot_accept_direct(sqe, listener_, nullptr, nullptr, 0);
    sqe->user_data = tag(accept_op);
}

void Floor::arm_receive(std::uint32_t slot) {
    io_uring_sqe* sqe = next_sqe(ring_);
    io_uring_prep_recv_multishot(sqe, static_cast<int>(slot), nullptr, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    sqe->user_data = tag(receive_op) | slot;
    connections_[slot].receiving = true;
}

void Floor::run() {
    for (;;) {
        if (given_back_ > 0) io_uring_buf_ring_advance(buffer_ring_, static_cast<int>(given_back_));
        given_back_ = 0;
        const int result = io_uring_submit_and_wait(&ring_, 1);
        if (result < 0 && result != -EINTR) fatal("io_uring_enter", -result);
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* cqe = nullptr;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            on_completion(*cqe);
            ++seen;
        }
        io_uring_cq_advance(&ring_, seen);
        if (log_) log_->flush();
        for (const std::uint32_t slot : changed_)
            settle(slot);
        changed_.clear();
    }
}

void Floor::on_completion(const io_uring_cqe& cqe) {
    const auto slot = static_cast<std::uint32_t>(cqe.user_data);
    switch (static_cast<Op>(cqe.user_data >> 32)) {
        case accept_op:
            return on_accept(cqe);
        case receive_op:
            return on_receive(slot, cqe);
        case send_op:
            connections_[slot].sending = false;
            if (cqe.res < 0 || cqe.res != static_cast<int>(connections_[slot].in_send.size())) {
                connections_[slot].replies.clear();
                connections_[slot].quit = true;
            }
            return mark(slot);
        case write_op:
            for (const HeldReply& held : log_->written(slot, cqe.res)) {
                --connections_[held.slot].held;
                connections_[held.slot].replies += held.text;
                mark(held.slot);
            }
            return;
        case cancel_op:
        case close_op:
            return;
    }
}

void Floor::on_accept(const io_uring_cqe& cqe) {
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_accept();
    if (cqe.res < 0) return;
    const auto slot = static_cast<std::uint32_t>(cqe.res);
    connections_[slot] = Connection{};
    arm_receive(slot);
    reply(slot, "220 floor ESMTP\r\n");
}

void Floor::on_receive(std::uint32_t slot, const io_uring_cqe& cqe) {
    if (cqe.res > 0) {
        const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
        on_octets(slot, buffers_ + id * kBufferStride, static_cast<std::size_t>(cqe.res));
        give_back(id);
    }
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) return;
    if (cqe.res > 0 || cqe.res == -ENOBUFS) return arm_receive(slot);
    connections_[slot].receiving = false;
    mark(slot);
}

void Floor::on_octets(std::uint32_t slot, const char* octets, std::size_t count) {
    while (count > 0) {
        const bool in_command = connections_[slot].mode == Mode::command;
        const std::size_t used = in_command ? command(slot, octets, count) : body(slot, octets, count);
        octets += used;
        count -= used;
    }
}

std::size_t Floor::command(std::uint32_t slot, const char* octets, std::size_t count) {
    Connection& connection = connections_[slot];
    const auto* const end = static_cast<const char*>(std::memchr(octets, '\n', count));
    const std::size_t used = end == nullptr ? count : static_cast<std::size_t>(end - octets) + 1;
    if (end != nullptr && connection.line.empty()) {
        answer(slot, {octets, used});
        return used;
    }
    connection.line.append(octets, std::min(used, kLineKept - std::min(kLineKept, connection.line.size())));
    if (end == nullptr) return used;
    const std::string line = std::move(connection.line);
    connection.line.clear();
    answer(slot, line);
    return used;
}

// RSET, NOOP and whatever else is not known here are answered like MAIL and RCPT.
void Floor::answer(std::uint32_t slot, std::string_view line) {
    switch (line[0] & ~0x20) {
        case 'E':
            return reply(slot, "250-floor\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n");
        case 'D':
            connections_[slot].mode = Mode::data;
            connections_[slot].end_of_data.begin();
            return reply(slot, "354 Go\r\n");
        case 'B':
            return begin_chunk(slot, line);
        case 'Q':
            reply(slot, "221 Bye\r\n");
            connections_[slot].quit = true;
            return;
        default:
            return reply(slot, "250 OK\r\n");
    }
}

void Floor::begin_chunk(std::uint32_t slot, std::string_view line) {
    Connection& connection = connections_[slot];
    connection.chunk_left = 0;
    for (const char c : line) {
        if (c >= '0' && c <= '9')
            connection.chunk_left = connection.chunk_left * 10 + static_cast<unsigned>(c - '0');
    }
    connection.chunk_last = line.find_first_of("Ll") != std::string_view::npos;
    if (connection.chunk_left > 0) {
        connection.mode = Mode::chunk;
    } else {
        reply(slot, "250 OK\r\n", connection.chunk_last);
    }
}

std::size_t Floor::body(std::uint32_t slot, const char* octets, std::size_t count) {
    Connection& connection = connections_[slot];
    std::size_t used = count;
    bool ended = false;
    bool last = true;
    if (connection.mode == Mode::data) {
        const std::size_t end = connection.end_of_data.find(octets, count);
        ended = end != EndOfData::npos;
        if (ended) used = end;
    } else {
        used = static_cast<std::size_t>(std::min<std::uint64_t>(count, connection.chunk_left));
        connection.chunk_left -= used;
        ended = connection.chunk_left == 0;
        last = connection.chunk_last;
    }
    if (log_) log_->append(octets, used);
    if (ended) {
        connection.mode = Mode::command;
        reply(slot, "250 OK\r\n", last);
    }
    return used;
}

// Replies stay in order: what follows a reply that waits for the disk waits with it.
void Floor::reply(std::uint32_t slot, std::string_view text, bool after_storage) {
    Connection& connection = connections_[slot];
    if (log_ && (after_storage || connection.held > 0)) {
        ++connection.held;
        log_->release_later({slot, text});
        return;
    }
    connection.replies += text;
    mark(slot);
}

void Floor::mark(std::uint32_t slot) {
    if (connections_[slot].changed) return;
    connections_[slot].changed = true;
    changed_.push_back(slot);
}

// Sends what is due; when nothing is left to do for the connection, ends its receive, then closes it.
void Floor::settle(std::uint32_t slot) {
    Connection& connection = connections_[slot];
    connection.changed = false;
    if (connection.sending) return;
    if (connection.replies.empty() && connection.held > 0) return;
    io_uring_sqe* sqe = nullptr;
    if (!connection.replies.empty()) {
        connection.in_send.swap(connection.replies);
        connection.replies.clear();
        connection.sending = true;
        sqe = next_sqe(ring_);
        io_uring_prep_send(sqe, static_cast<int>(slot), connection.in_send.data(), connection.in_send.size(),
                           MSG_NOSIGNAL | MSG_WAITALL);
        sqe->flags |= IOSQE_FIXED_FILE;
        sqe->user_data = tag(send_op) | slot;
    } else if (!connection.receiving) {
        sqe = next_sqe(ring_);
        io_uring_prep_close_direct(sqe, slot);
        sqe->user_data = tag(close_op) | slot;
    } else if (connection.quit) {
        sqe = next_sqe(ring_);
        io_uring_prep_cancel64(sqe, tag(receive_op) | slot, 0);
        sqe->user_data = tag(cancel_op) | slot;
    }
}

int listen_on(const char* endpoint) {
    const std::string_view text = endpoint;
    const std::size_t colon = text.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (colon == std::string_view::npos ||
        inet_pton(AF_INET, std::string(text.substr(0, colon)).c_str(), &address.sin_addr) != 1) {
        fatal("expected ADDRESS:PORT", EINVAL);
    }
    address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(endpoint + colon + 1, nullptr, 10)));
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by what it accepts
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fatal(endpoint, errno);
    if (listen(listener, SOMAXCONN) != 0) fatal(endpoint, errno);
    socklen_t octets = sizeof address;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &octets);
    std::printf("listening on %.*s:%u\n", static_cast<int>(colon), endpoint,
                static_cast<unsigned>(ntohs(address.sin_port)));
    std::fflush(stdout);
    return listener;
}

}  // namespace

void serve(const std::string& endpoint, const std::string& durable_path) {
    Floor floor(listen_on(endpoint.c_str()), durable_path.empty() ? nullptr : durable_path.c_str());
    floor.run();
}

}  // namespace ringmx::floor
