#include "storage/delivery/delivery.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <signal.h>

namespace ringmx::storage::delivery {

void Delivery::Source::stored() {
    stored_.store(stored_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (delivery_.sleep_.claim_wake()) delivery_.event_.signal();
}

Delivery::Delivery(const DrainOptions& options, MakeTarget make_target, LateAnswers* late, Observer& observer,
                   std::uint64_t backlog)
    : options_(options),
      make_target_(std::move(make_target)),
      late_(late),
      observer_(observer),
      backlog_(backlog) {}

Delivery::~Delivery() {
    stop();
}

Status Delivery::start() {
    if (event_.get() < 0) return system_error(errno, "a delivery's eventfd");
    std::promise<Status> opened;
    std::future<Status> outcome = opened.get_future();
    thread_ = std::thread([this, promise = std::move(opened)]() mutable {
        pthread_setname_np(pthread_self(), "ringmx-deliver");
        auto target = make_target_([this] {
            answered_.store(true, std::memory_order_release);
            if (sleep_.claim_wake()) event_.signal();
        });
        if (!target) return promise.set_value(target.error());
        target_ = std::move(*target);
        durability_ = target_->durability();
        auto drain = Drain::open(options_, *target_, late_, observer_);
        if (!drain) {
            target_->close();
            target_.reset();
            return promise.set_value(drain.error());
        }
        drain_ = std::move(*drain);
        promise.set_value(ok_status());
        run();
    });
    Status status = outcome.get();
    if (!status) thread_.join();
    return status;
}

void Delivery::run() {
    while (!stop_.load(std::memory_order_acquire)) {
        answered_.store(false, std::memory_order_relaxed);
        stored_seen_.store(stored(), std::memory_order_relaxed);
        const std::int64_t sleep_ns = drain_->turn(read_clock());
        if (sleep_ns == 0) continue;
        sleep_.announce();
        if (!anything_new()) {
            pollfd waiting{event_.get(), POLLIN, 0};
            const timespec until{sleep_ns / kNsPerSecond, sleep_ns % kNsPerSecond};
            ::ppoll(&waiting, 1, &until, nullptr);
        }
        sleep_.awake();
        event_.drain();
    }
    drain_->close(read_clock());
    ended_.set_value();
}

bool Delivery::anything_new() const {
    return stop_.load(std::memory_order_acquire) || answered_.load(std::memory_order_acquire) ||
           stored() != stored_seen_.load(std::memory_order_relaxed);
}

bool Delivery::stop(std::int64_t wait_ns) {
    if (!thread_.joinable()) return true;
    stop_.store(true, std::memory_order_release);
    event_.signal();
    constexpr std::int64_t long_ns = std::int64_t{1000} * 86400 * kNsPerSecond;
    const auto wait = std::chrono::nanoseconds(std::min(wait_ns, long_ns));
    if (ended_.get_future().wait_for(wait) == std::future_status::ready) {
        thread_.join();
        return true;
    }
    thread_.detach();
    return false;
}

Delivery::Source& Delivery::add_source() {
    const std::lock_guard lock(mutex_);
    return sources_.emplace_back(*this);
}

std::uint64_t Delivery::stored() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const Source& source : sources_)
        sum += source.count();
    return sum;
}

DeliveryCounts Delivery::counts() const {
    DeliveryCounts counts;
    if (drain_ == nullptr) return counts;
    const DrainCounters& drain = drain_->counters();
    const auto of = [](const std::atomic<std::uint64_t>& value) {
        return value.load(std::memory_order_relaxed);
    };
    const std::uint64_t gone = of(drain.acknowledged);
    const std::uint64_t came = backlog_ + stored();
    counts.backlog_messages = came - std::min(came, gone);
    counts.in_flight = of(drain.in_flight);
    counts.octets_in_flight = of(drain.octets_in_flight);
    counts.waiting_domains = of(drain.waiting_domains);
    counts.delivered = of(drain.delivered);
    counts.retries = of(drain.retries);
    counts.dead = of(drain.dead);
    const std::int64_t oldest_ms = drain.oldest_ms.load(std::memory_order_relaxed);
    if (oldest_ms != 0) {
        const std::int64_t age_ms = read_clock().wall_us / 1000 - oldest_ms;
        counts.oldest_age_s = static_cast<std::uint64_t>(std::max<std::int64_t>(age_ms, 0) / 1000);
    }
    return counts;
}

}  // namespace ringmx::storage::delivery
