#include "ring/probe_steps.hpp"

#include <array>
#include <cerrno>
#include <future>
#include <optional>
#include <thread>

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "base/limits.hpp"
#include "ring/uapi.hpp"

namespace ringmx::ring::steps {
namespace {

constexpr unsigned kEntries = 8;
constexpr std::uint16_t kGroup = 1;
constexpr std::uint32_t kBuffers = 4;
constexpr std::uint32_t kBufferBytes = 1024;

// A ring as the engine would set it up, for the length of one experiment.
class TrialRing {
 public:
    TrialRing() {
        result_ =
            io_uring_queue_init(kEntries, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
        if (result_ == -EINVAL) result_ = io_uring_queue_init(kEntries, &ring_, 0);
    }
    ~TrialRing() {
        if (ok()) io_uring_queue_exit(&ring_);
    }
    TrialRing(const TrialRing&) = delete;
    TrialRing& operator=(const TrialRing&) = delete;

    bool ok() const { return result_ == 0; }
    io_uring* raw() { return &ring_; }
    io_uring_sqe* request() { return io_uring_get_sqe(&ring_); }
    bool submit() { return io_uring_submit(&ring_) >= 0; }

    struct Completion {
        std::int32_t result;
        std::uint32_t flags;
    };
    std::optional<Completion> wait() {
        __kernel_timespec limit{0, kProbeWaitMs * kNsPerMs};
        io_uring_cqe* cqe = nullptr;
        if (io_uring_wait_cqe_timeout(&ring_, &cqe, &limit) != 0) return std::nullopt;
        const Completion seen{cqe->res, cqe->flags};
        io_uring_cqe_seen(&ring_, cqe);
        return seen;
    }

 private:
    io_uring ring_{};
    int result_ = -1;
};

// A few provided buffers on a trial ring; declared after it, so that the ring closes last.
class TrialBuffers {
 public:
    explicit TrialBuffers(TrialRing& ring) {
        void* memory =
            mmap(nullptr, limits::page_bytes * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return;
        memory_ = static_cast<std::byte*>(memory);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uint64_t>(memory_);
        registration.ring_entries = kBuffers;
        registration.bgid = kGroup;
        if (io_uring_register_buf_ring(ring.raw(), &registration, 0) != 0) return;
        ring_ = &ring;
        auto* entries = reinterpret_cast<io_uring_buf*>(memory_);
        for (std::uint32_t id = 0; id < kBuffers; ++id) {
            entries[id].addr =
                reinterpret_cast<std::uint64_t>(memory_ + limits::page_bytes + id * kBufferBytes);
            entries[id].len = kBufferBytes;
            entries[id].bid = static_cast<std::uint16_t>(id);
        }
        auto* header = reinterpret_cast<io_uring_buf_ring*>(memory_);
        io_uring_smp_store_release(&header->tail, static_cast<std::uint16_t>(kBuffers));
    }
    ~TrialBuffers() {
        if (ring_ != nullptr) io_uring_unregister_buf_ring(ring_->raw(), kGroup);
        if (memory_ != nullptr) munmap(memory_, limits::page_bytes * 2);
    }
    TrialBuffers(const TrialBuffers&) = delete;
    TrialBuffers& operator=(const TrialBuffers&) = delete;
    bool ok() const { return ring_ != nullptr; }

 private:
    TrialRing* ring_ = nullptr;
    std::byte* memory_ = nullptr;
};

static_assert(kBuffers * kBufferBytes <= limits::page_bytes);

// Arms a multishot receive of `limit` octets in all (0: until it is cancelled).
void arm_receive(TrialRing& ring, int socket, std::uint32_t limit) {
    io_uring_sqe* sqe = ring.request();
    io_uring_prep_recv_multishot(sqe, socket, nullptr, 0, 0);
    uapi::receive_limit(*sqe) = limit;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = kGroup;
}

bool send_octets(int socket, std::size_t octets) {
    static constexpr std::array<char, kBufferBytes> kOctets{};
    return send(socket, kOctets.data(), octets, MSG_NOSIGNAL) == static_cast<ssize_t>(octets);
}

struct LoopbackPair {
    Descriptor listener{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    Descriptor client{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};

    bool listen_and_connect() const {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t length = sizeof address;
        if (bind(listener.get(), generic, length) != 0 || listen(listener.get(), 1) != 0) return false;
        if (getsockname(listener.get(), generic, &length) != 0) return false;
        return connect(client.get(), generic, length) == 0 || errno == EINPROGRESS;
    }
};

}  // namespace

int set_up(unsigned flags) {
    io_uring ring{};
    const int result = io_uring_queue_init(kEntries, &ring, flags);
    if (result == 0) io_uring_queue_exit(&ring);
    return -result;
}

bool multishot_receive() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const Descriptor ours(ends[0]);
    const Descriptor peer(ends[1]);
    TrialRing ring;
    if (!ring.ok()) return false;
    const TrialBuffers buffers(ring);
    if (!buffers.ok()) return false;
    arm_receive(ring, ours.get(), 0);
    if (!ring.submit()) return false;
    for (const std::size_t octets : {std::size_t{10}, std::size_t{20}}) {
        if (!send_octets(peer.get(), octets)) return false;
        const auto seen = ring.wait();
        if (!seen || seen->result != static_cast<std::int32_t>(octets)) return false;
        if ((seen->flags & IORING_CQE_F_BUFFER) == 0 || (seen->flags & IORING_CQE_F_MORE) == 0) return false;
    }
    return true;
}

bool receive_limit() {
    constexpr std::uint32_t limit = 100;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const Descriptor ours(ends[0]);
    const Descriptor peer(ends[1]);
    TrialRing ring;
    if (!ring.ok()) return false;
    const TrialBuffers buffers(ring);
    if (!buffers.ok() || !send_octets(peer.get(), limit + limit / 2)) return false;
    arm_receive(ring, ours.get(), limit);
    if (!ring.submit()) return false;
    const auto only = ring.wait();
    return only && only->result >= std::int32_t{limit} && (only->flags & IORING_CQE_F_MORE) == 0;
}

bool direct_accept() {
    const LoopbackPair pair;
    TrialRing ring;
    if (!ring.ok() || io_uring_register_files_sparse(ring.raw(), kEntries) != 0) return false;
    io_uring_sqe* accept_request = ring.request();
    io_uring_prep_accept(accept_request, pair.listener.get(), nullptr, nullptr, 0);
    accept_request->file_index = IORING_FILE_INDEX_ALLOC;  // liburing 2.3's own helper adds one to it
    if (!pair.listen_and_connect() || !ring.submit()) return false;
    const auto accepted = ring.wait();
    if (!accepted || accepted->result < 0) return false;
    if (!send_octets(pair.client.get(), 1)) return false;
    std::array<char, 8> octets{};
    io_uring_sqe* sqe = ring.request();
    io_uring_prep_recv(sqe, accepted->result, octets.data(), octets.size(), 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    if (!ring.submit()) return false;
    const auto received = ring.wait();
    return received && received->result == 1;
}

bool message_ring() {
    constexpr std::int32_t token = 42;
    std::promise<int> target;
    std::promise<bool> woken;
    std::thread sleeper([&target, &woken] {
        TrialRing ring;
        target.set_value(ring.ok() ? ring.raw()->ring_fd : -1);
        const auto seen = ring.ok() ? ring.wait() : std::nullopt;
        woken.set_value(seen && seen->result == token);
    });
    bool sent = false;
    std::future<bool> answer = woken.get_future();
    const int fd = target.get_future().get();
    TrialRing ring;
    if (fd >= 0 && ring.ok()) {
        io_uring_prep_msg_ring(ring.request(), fd, token, 0, 0);
        const auto seen = ring.submit() ? ring.wait() : std::nullopt;
        sent = seen && seen->result == 0;
    }
    sleeper.join();
    return answer.get() && sent;
}

bool min_wait() {
    TrialRing ring;
    if (!ring.ok()) return false;
    io_uring_prep_nop(ring.request());
    if (!ring.submit()) return false;
    __kernel_timespec limit{0, kProbeWaitMs * kNsPerMs};
    uapi::WaitArgument argument;
    argument.min_wait_us = 100;
    argument.timespec = reinterpret_cast<std::uint64_t>(&limit);
    const int result = uapi::enter(static_cast<unsigned>(ring.raw()->ring_fd), 0, 2,
                                   IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument);
    return result == 0 && io_uring_cq_ready(ring.raw()) == 1;
}

bool no_iowait() {
    TrialRing ring;
    if (!ring.ok()) return false;
    const int result = uapi::enter(static_cast<unsigned>(ring.raw()->ring_fd), 0, 0,
                                   IORING_ENTER_GETEVENTS | IORING_ENTER_NO_IOWAIT, nullptr);
    return result == 0;
}

}  // namespace ringmx::ring::steps
