#include "ring/ring.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <ctime>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "ring/refusal.hpp"
#include "ring/restrictions.hpp"
#include "ring/uapi.hpp"

namespace ringmx::ring {
namespace {

// From best to plainest; the next is tried when a kernel knows a flag not (EINVAL).
constexpr unsigned kBase = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
constexpr unsigned kSetups[] = {
    kBase | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    kBase | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
    kBase | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
    kBase,
};

// A kernel that cannot take even one request for this long has no memory for requests, and will not get any
// from us.
constexpr int kSubmitAttemptsMax = 10'000;
constexpr std::int64_t kSubmitPauseNs = kNsPerMs;

// Its address names the thread.
thread_local char thread_mark;

}  // namespace

Result<std::unique_ptr<Ring>> Ring::create(const RingOptions& options) {
    std::unique_ptr<Ring> ring(new Ring);
    int result = -EINVAL;
    for (const unsigned flags : kSetups) {
        io_uring_params parameters{};
        parameters.flags = flags | (options.restricted ? IORING_SETUP_R_DISABLED : 0);
        parameters.cq_entries = options.completion_entries;
        result = io_uring_queue_init_params(options.submission_entries, &ring->ring_, &parameters);
        if (result != -EINVAL) break;
    }
    if (result < 0) return refusal(-result);
    ring->open_ = true;
    ring->owner_ = &thread_mark;
    if (options.restricted) {
        result = restrict_and_enable(ring->ring_);
        if (result < 0) return system_error(-result, "io_uring: restricting the ring");
    }
    if ((ring->ring_.features & IORING_FEAT_EXT_ARG) == 0) {
        return Error{
            ENOSYS,
            "this kernel's io_uring_enter takes no timeout (IORING_FEAT_EXT_ARG): it is older than 5.11"};
    }
    if (options.files_max > 0) {
        result = io_uring_register_files_sparse(&ring->ring_, options.files_max);
        if (result == -EMFILE) {
            return Error{EMFILE,
                         "the table of " + std::to_string(options.files_max) +
                             " direct descriptors exceeds the limit on open files: raise it (ulimit -n, "
                             "LimitNOFILE=) or lower the number of connections"};
        }
        if (result < 0) return system_error(-result, "io_uring: registering the table of direct descriptors");
    }
    ring->choose_enter();
    return ring;
}

void Ring::choose_enter() {
    // Saves the kernel a descriptor look-up per enter; a kernel that refuses is used by its descriptor.
    io_uring_register_ring_fd(&ring_);
    enter_flags_ = (ring_.int_flags & uapi::kRegisteredRingFd) != 0 ? IORING_ENTER_REGISTERED_RING : 0;
    if ((ring_.features & IORING_FEAT_NO_IOWAIT) != 0) wait_flags_ |= IORING_ENTER_NO_IOWAIT;
    min_wait_ = (ring_.features & IORING_FEAT_MIN_TIMEOUT) != 0;
}

Ring::~Ring() {
    if (!open_) return;
    // The registered descriptor belongs to the thread that registered it; on any other the index means
    // another ring. The kernel drops it when that thread ends.
    if (owner_ != &thread_mark) ring_.int_flags &= static_cast<std::uint8_t>(~uapi::kRegisteredRingFd);
    io_uring_queue_exit(&ring_);
}

// Makes the filled requests visible to the kernel; returns how many it has not taken yet.
unsigned Ring::publish() {
    io_uring_sq& sq = ring_.sq;
    if (sq.sqe_head != sq.sqe_tail) {
        sq.sqe_head = sq.sqe_tail;
        io_uring_smp_store_release(sq.ktail, sq.sqe_tail);
    }
    return sq.sqe_tail - io_uring_smp_load_acquire(sq.khead);
}

void Ring::submit() {
    for (int attempt = 0; attempt < kSubmitAttemptsMax; ++attempt) {
        const unsigned pending = publish();
        if (pending == 0) return;
        ++counters_.enters;
        const int result =
            uapi::enter(static_cast<unsigned>(ring_.enter_ring_fd), pending, 0, enter_flags_, nullptr);
        if (result >= 0) {
            counters_.submitted += static_cast<unsigned>(result);
            if (static_cast<unsigned>(result) == pending) return;
            continue;
        }
        RMX_ASSERT(result == -EINTR || result == -EAGAIN || result == -EBUSY || result == -ENOMEM);
        if (result != -EINTR) {
            ++counters_.busy;
            const timespec pause{0, kSubmitPauseNs};
            nanosleep(&pause, nullptr);
        }
    }
    constexpr bool kernel_takes_requests = false;
    RMX_ASSERT(kernel_takes_requests);
}

io_uring_sqe* Ring::request() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (__builtin_expect(sqe == nullptr, 0)) {
        ++counters_.queue_full;
        submit();
        sqe = io_uring_get_sqe(&ring_);
        RMX_ASSERT(sqe != nullptr);
    }
    *sqe = io_uring_sqe{};
    return sqe;
}

void Ring::reserve(std::uint32_t count) {
    RMX_ASSERT(count <= ring_.sq.ring_entries);
    if (io_uring_sq_space_left(&ring_) >= count) return;
    ++counters_.queue_full;
    submit();
}

int Ring::enter(std::int64_t timeout_ns, std::uint32_t batch, std::uint32_t batch_wait_us) {
    RMX_ASSERT(owner_ == &thread_mark);
    const unsigned pending = publish();
    if (io_uring_cq_has_overflow(&ring_)) ++counters_.overflows;

    __kernel_timespec limit{};
    uapi::WaitArgument argument;
    if (timeout_ns > 0) {
        limit.tv_sec = timeout_ns / kNsPerSecond;
        limit.tv_nsec = timeout_ns % kNsPerSecond;
        argument.timespec = reinterpret_cast<std::uint64_t>(&limit);
    }
    unsigned wait_for = timeout_ns == 0 ? 0 : 1;
    if (min_wait_ && timeout_ns != 0 && batch > 1 && batch_wait_us > 0) {
        wait_for = std::min<unsigned>(batch, ring_.cq.ring_entries);
        argument.min_wait_us = batch_wait_us;
        if (timeout_ns > 0) {
            const auto limit_us =
                static_cast<std::uint64_t>(std::max<std::int64_t>(timeout_ns / kNsPerUs, 1));
            argument.min_wait_us =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(batch_wait_us, limit_us));
        }
    }
    // GETEVENTS always: it runs the deferred work, and moves what overflowed back into the queue.
    const unsigned flags = enter_flags_ | wait_flags_ | IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    ++counters_.enters;
    const int result =
        uapi::enter(static_cast<unsigned>(ring_.enter_ring_fd), pending, wait_for, flags, &argument);
    if (result >= 0) {
        counters_.submitted += static_cast<unsigned>(result);
        return 0;
    }
    // An error of the wait is reported only when nothing was submitted; requests stay in the queue.
    switch (-result) {
        case ETIME:
        case EINTR:
            return 0;
        case EBUSY:
        case EAGAIN:
        case ENOMEM:  // of the kernel, for a moment
            ++counters_.busy;
            return 0;
        default:
            return result;
    }
}

std::uint64_t Ring::add_handler(CompletionHandler& handler) {
    RMX_ASSERT(handlers_free_ != 0);
    const auto index = static_cast<std::uint32_t>(std::countr_zero(handlers_free_));
    handlers_free_ &= ~(1u << index);
    handlers_[index] = &handler;
    return std::uint64_t{kHandlerOp + index} << 56;
}

// Takes the tag's handler away; returns its place.
std::uint32_t Ring::take_handler(std::uint64_t tag) {
    const auto index = static_cast<std::uint32_t>(tag >> 56) - kHandlerOp;
    RMX_ASSERT(index < kHandlersMax && handlers_[index] != nullptr);
    handlers_[index] = nullptr;
    return index;
}

void Ring::remove_handler(std::uint64_t tag) {
    take_handler(tag);
}

void Ring::remove_idle_handler(std::uint64_t tag) {
    handlers_free_ |= 1u << take_handler(tag);
}

void Ring::dispatch(std::uint8_t op, const io_uring_cqe& cqe) {
    const std::uint32_t index = op - std::uint32_t{kHandlerOp};
    RMX_ASSERT(index < kHandlersMax && (handlers_free_ >> index & 1) == 0);
    constexpr std::uint64_t payload_mask = (std::uint64_t{1} << 56) - 1;
    CompletionHandler* handler = handlers_[index];
    if (handler != nullptr) handler->on_completion(cqe.user_data & payload_mask, cqe.res, cqe.flags);
}

}  // namespace ringmx::ring
