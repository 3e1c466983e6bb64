// ringmx-pipeline-load: a closed loop of pipelined mail for bench/compare_sink. Each of N connections, kept
// open, has one message under way: MAIL, RCPT and DATA in one write and the mail data in the next (RFC 2920),
// or everything with BDAT in one write (RFC 3030). One thread, one ring.
//
// A message counts only when its 250 has arrived. Latency runs from the moment at which the write that holds
// the message's last octet is handed to the kernel, to the moment at which its 250 is seen: waiting in the
// generator is part of it, so it is never too small. A reply other than the expected one ends its connection.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reply_reader.hpp"
#include "transaction.hpp"

namespace ringmx::bench {
namespace {

constexpr unsigned kRingEntries = 4096;
constexpr unsigned kCompletionEntries = 65536;
constexpr unsigned kBuffers = 1024;
constexpr std::size_t kBufferBytes = 1024;
constexpr int kSilenceSecondsMax = 60;  // no completion for so long: the server hangs
constexpr int kErrorsShown = 5;

[[noreturn]] void fatal(const std::string& what, int error) {
    std::fprintf(stderr, "ringmx-pipeline-load: %s: %s\n", what.c_str(), std::strerror(error));
    std::exit(1);
}

std::int64_t now_ns(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct Connection {
    int socket = -1;
    std::size_t step = 0;
    std::size_t replies = 0;  // seen in this step
    std::int64_t written_ns = 0;
    bool busy = false;  // has a message under way
    bool open = false;
    ReplyReader reader;
};

enum Op : std::uint64_t { receive_op, send_op };
constexpr std::uint64_t tag(Op op) {
    return static_cast<std::uint64_t>(op) << 32;
}

class Load {
 public:
    explicit Load(const Options& options) : options_(options), steps_(make_steps(options)) {}
    bool run();  // true: every message was acknowledged, and nothing went wrong

 private:
    void set_up();
    void connect_one(std::uint32_t index);
    void give_back(unsigned id);
    void arm_receive(std::uint32_t index);
    void begin(std::uint32_t index);
    void write_step(std::uint32_t index);
    void stamp_written();
    void loop_once();
    void on_completion(const io_uring_cqe& cqe);
    void on_octets(std::uint32_t index, std::string_view octets);
    void on_reply(std::uint32_t index);
    void fail(std::uint32_t index, std::string_view why);
    void say_quit();
    bool report(std::int64_t wall_ns, std::int64_t cpu_ns);

    io_uring_sqe* next_sqe();

    const Options& options_;
    std::vector<Step> steps_;
    io_uring ring_{};
    io_uring_buf_ring* buffer_ring_ = nullptr;
    std::vector<char> buffers_ = std::vector<char>(kBuffers * kBufferBytes);
    int given_back_ = 0;
    std::vector<Connection> connections_;
    std::vector<std::uint32_t> written_;  // connections whose last octet goes out with the next submission
    std::vector<std::uint32_t> latencies_ns_;
    std::uint64_t begun_ = 0;
    std::uint32_t busy_ = 0;
    std::uint64_t errors_ = 0;
};

io_uring_sqe* Load::next_sqe() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        stamp_written();
        io_uring_submit(&ring_);
        sqe = io_uring_get_sqe(&ring_);
    }
    if (sqe == nullptr) fatal("submission queue", EBUSY);
    return sqe;
}

void Load::set_up() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletionEntries;
    int result = io_uring_queue_init_params(kRingEntries, &ring_, &params);
    if (result < 0) fatal("io_uring_setup", -result);
    io_uring_register_ring_fd(&ring_);

    void* memory = mmap(nullptr, kBuffers * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fatal("mmap", errno);
    buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(buffer_ring_);
    registration.ring_entries = kBuffers;
    result = io_uring_register_buf_ring(&ring_, &registration, 0);
    if (result < 0) fatal("registering receive buffers", -result);
    for (unsigned id = 0; id < kBuffers; ++id)
        give_back(id);

    connections_.resize(options_.connections);
    latencies_ns_.reserve(options_.messages);
    for (std::uint32_t index = 0; index < options_.connections; ++index)
        connect_one(index);
    for (std::uint32_t index = 0; index < options_.connections; ++index)
        arm_receive(index);
}

// Connects and greets, one connection after the other and blocking: none of it is measured.
void Load::connect_one(std::uint32_t index) {
    Connection& connection = connections_[index];
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(options_.port);
    if (inet_pton(AF_INET, options_.address.c_str(), &server.sin_addr) != 1) fatal(options_.address, EINVAL);
    connection.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.socket < 0) fatal("socket", errno);
    const int on = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection.socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
        fatal("connect", errno);
    }
    char buffer[kBufferBytes];
    for (const std::string_view command :
         {std::string_view{}, std::string_view{"EHLO load.example.net\r\n"}}) {
        if (send(connection.socket, command.data(), command.size(), MSG_NOSIGNAL) < 0) fatal("send", errno);
        std::string_view octets;
        while (!connection.reader.next(octets)) {
            const ssize_t count = recv(connection.socket, buffer, sizeof buffer, 0);
            if (count <= 0) fatal("the server closed a connection before it greeted", ECONNRESET);
            octets = {buffer, static_cast<std::size_t>(count)};
        }
        if (connection.reader.outcome() != '2') fatal(std::string(connection.reader.last_line()), EPROTO);
    }
    connection.open = true;
}

void Load::give_back(unsigned id) {
    io_uring_buf_ring_add(buffer_ring_, buffers_.data() + id * kBufferBytes, kBufferBytes,
                          static_cast<unsigned short>(id), io_uring_buf_ring_mask(kBuffers), given_back_++);
}

void Load::arm_receive(std::uint32_t index) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_recv_multishot(sqe, connections_[index].socket, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->user_data = tag(receive_op) | index;
}

void Load::begin(std::uint32_t index) {
    Connection& connection = connections_[index];
    connection.busy = begun_ < options_.messages;
    if (!connection.busy) return;
    ++begun_;
    ++busy_;
    connection.step = 0;
    write_step(index);
}

void Load::write_step(std::uint32_t index) {
    Connection& connection = connections_[index];
    const Step& step = steps_[connection.step];
    connection.replies = 0;
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_send(sqe, connection.socket, step.octets.data(), step.octets.size(),
                       MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = tag(send_op) | index;
    if (connection.step + 1 == steps_.size()) written_.push_back(index);
}

// What was queued goes to the kernel now.
void Load::stamp_written() {
    const std::int64_t time_ns = now_ns(CLOCK_MONOTONIC);
    for (const std::uint32_t index : written_)
        connections_[index].written_ns = time_ns;
    written_.clear();
}

void Load::loop_once() {
    if (given_back_ > 0) io_uring_buf_ring_advance(buffer_ring_, given_back_);
    given_back_ = 0;
    stamp_written();
    __kernel_timespec silence{.tv_sec = kSilenceSecondsMax, .tv_nsec = 0};
    io_uring_cqe* cqe = nullptr;
    const int result = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &silence, nullptr);
    if (result < 0 && result != -EINTR) fatal("waiting for the server", -result);
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
        on_completion(*cqe);
        ++seen;
    }
    io_uring_cq_advance(&ring_, seen);
}

void Load::on_completion(const io_uring_cqe& cqe) {
    const auto index = static_cast<std::uint32_t>(cqe.user_data);
    if (cqe.user_data >= tag(send_op)) {
        if (cqe.res < 0) fail(index, std::strerror(-cqe.res));
        return;  // with MSG_WAITALL a write is short only when the connection is lost, which the receive
                 // tells
    }
    if (cqe.res > 0) {
        const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
        on_octets(index, {buffers_.data() + id * kBufferBytes, static_cast<std::size_t>(cqe.res)});
        give_back(id);
    }
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) return;
    if (cqe.res > 0 || cqe.res == -ENOBUFS) return arm_receive(index);
    fail(index, cqe.res == 0 ? "the server closed the connection" : std::strerror(-cqe.res));
}

void Load::on_octets(std::uint32_t index, std::string_view octets) {
    Connection& connection = connections_[index];
    while (connection.open && connection.reader.next(octets))
        on_reply(index);
}

void Load::on_reply(std::uint32_t index) {
    Connection& connection = connections_[index];
    const Step& step = steps_[connection.step];
    if (!connection.busy || connection.reader.outcome() != step.outcomes[connection.replies]) {
        return fail(index, connection.reader.last_line());
    }
    if (++connection.replies < step.outcomes.size()) return;
    if (++connection.step < steps_.size()) return write_step(index);
    latencies_ns_.push_back(static_cast<std::uint32_t>(
        std::min<std::int64_t>(now_ns(CLOCK_MONOTONIC) - connection.written_ns, UINT32_MAX)));
    --busy_;
    begin(index);
}

// The message under way is not acknowledged, and the connection takes no other.
void Load::fail(std::uint32_t index, std::string_view why) {
    Connection& connection = connections_[index];
    if (!connection.open) return;
    connection.open = false;
    if (connection.busy) --busy_;
    connection.busy = false;
    if (errors_++ < kErrorsShown) {
        why = why.substr(0, why.find('\r'));
        std::fprintf(stderr, "connection %u: %.*s\n", index, static_cast<int>(why.size()), why.data());
    }
    shutdown(connection.socket, SHUT_RDWR);
}

void Load::say_quit() {
    io_uring_queue_exit(&ring_);  // ends the receives, so that the 221 can be read here
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    for (const Connection& connection : connections_) {
        if (connection.open) send(connection.socket, "QUIT\r\n", 6, MSG_NOSIGNAL);
    }
    for (const Connection& connection : connections_) {
        char buffer[kBufferBytes];
        setsockopt(connection.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        while (connection.open && recv(connection.socket, buffer, sizeof buffer, 0) > 0) {
        }
        close(connection.socket);
    }
}

bool Load::report(std::int64_t wall_ns, std::int64_t cpu_ns) {
    const std::uint64_t acknowledged = latencies_ns_.size();
    std::sort(latencies_ns_.begin(), latencies_ns_.end());
    const auto percentile_us = [&](double share) {
        if (latencies_ns_.empty()) return 0.0;
        const auto rank = static_cast<std::size_t>(share * static_cast<double>(acknowledged - 1));
        return latencies_ns_[rank] / 1e3;
    };
    std::printf("mode %s\nconnections %u\nmessage_octets %zu\n", options_.bdat ? "bdat" : "pipelined",
                options_.connections, options_.message_octets);
    std::printf("acknowledged %lu\nnot_acknowledged %lu\nerrors %lu\n", acknowledged,
                options_.messages - acknowledged, errors_);
    std::printf("messages_per_second %.0f\n",
                static_cast<double>(acknowledged) * 1e9 / static_cast<double>(wall_ns));
    std::printf("latency_us_p50 %.0f\nlatency_us_p99 %.0f\nlatency_us_p999 %.0f\n", percentile_us(0.50),
                percentile_us(0.99), percentile_us(0.999));
    std::printf("generator_busy_percent %.0f\n",
                100.0 * static_cast<double>(cpu_ns) / static_cast<double>(wall_ns));
    return errors_ == 0 && acknowledged == options_.messages;
}

bool Load::run() {
    set_up();
    const std::int64_t wall_ns = now_ns(CLOCK_MONOTONIC);
    const std::int64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    for (std::uint32_t index = 0; index < options_.connections; ++index)
        begin(index);
    while (busy_ > 0)
        loop_once();
    const std::int64_t wall_end_ns = now_ns(CLOCK_MONOTONIC);
    const std::int64_t cpu_end_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    say_quit();
    return report(wall_end_ns - wall_ns, cpu_end_ns - cpu_ns);
}

}  // namespace
}  // namespace ringmx::bench

int main(int argc, char** argv) {
    ringmx::bench::Options options;
    std::string mode = "pipelined";
    CLI::App app{"Sends pipelined mail over connections kept open, and times the replies."};
    app.add_option("--address", options.address, "IPv4 address of the server")->capture_default_str();
    app.add_option("--port", options.port, "its port")->capture_default_str();
    app.add_option("--mode", mode, "DATA in two writes, or BDAT in one")
        ->check(CLI::IsMember({"pipelined", "bdat"}))
        ->capture_default_str();
    app.add_option("--connections", options.connections)->check(CLI::Range(1, 60000))->capture_default_str();
    app.add_option("--messages", options.messages)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--length", options.message_octets, "octets of each message, headers included")
        ->check(CLI::Range(std::size_t{64}, std::size_t{1} << 30))
        ->capture_default_str();
    app.add_option("--to", options.recipient, "the recipient")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    options.bdat = mode == "bdat";
    return ringmx::bench::Load(options).run() ? 0 : 1;
}
