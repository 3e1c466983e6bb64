#include "storage/worker_loop.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ringmx::storage {
namespace {

constexpr std::size_t kBatchMax = 256;  // requests popped at once

}  // namespace

Status WorkerLoop::open(const BackendFactory& factory) {
    auto ring = ring::Ring::create(shared_->options.ring);
    if (!ring) return ring.error();
    ring_ = std::move(*ring);
    port_ = std::make_unique<WakePort>(*ring_, shared_->worker_event, shared_->options.message_ring);
    auto backend = factory(*ring_, *this);
    if (!backend) return backend.error();
    backend_ = std::move(*backend);
    batch_.resize(kBatchMax);
    now_ = read_clock();
    next_tick_ns_ = now_.mono_ns;
    shared_->worker_address = port_->address();
    shared_->traits = backend_->traits();
    relay();
    return ok_status();
}

// The worker's loop. Its rules:
// 1. All requests that are there are taken before the backend is flushed: what came meanwhile is the next
// batch.
// 2. One io_uring_enter a turn submits the backend's writes and the wake-ups, and waits.
// 3. A core is woken at most once a turn, after all its reports of the turn are published.
// 4. The thread sleeps only after it has announced so and looked at every queue once more.
void WorkerLoop::run() {
    for (;;) {
        now_ = read_clock();
        look_at_links();
        take_requests();
        backend_->flush();
        tick_if_due();
        publish_reports();
        if (finished()) break;
        sleep();
        ring_->reap([](const io_uring_cqe&) {});  // every request on this ring is a handler's
    }
    backend_->close();
    relay();
    const int error = ring_->enter(0);  // the wake-ups of the last turn
    RMX_ASSERT(error == 0);
    end_links();
    backend_.reset();
    port_.reset();
    ring_.reset();
}

void WorkerLoop::look_at_links() {
    const std::uint64_t version = shared_->version.load(std::memory_order_acquire);
    if (version != version_) {
        version_ = version;
        stopping_ = shared_->stop.load(std::memory_order_acquire);
        if (!gave_up_ && shared_->give_up.load(std::memory_order_acquire)) {
            gave_up_ = true;
            backend_->give_up();
        }
        const std::lock_guard lock(shared_->mutex);
        links_.resize(shared_->links.size());
        for (std::size_t lane = 0; lane < links_.size(); ++lane) {
            const auto& link = shared_->links[lane];
            if (link == nullptr) continue;
            if (links_[lane] == nullptr) {
                links_[lane] = link;
                link->wake_target = port_->add_target(link->core_address);
            }
            leaving_ = leaving_ || link->leaving.load(std::memory_order_acquire);
        }
    }
    if (leaving_) release_leaving();
}

// A core may go when everything that it asked for has been reported and no wake-up for it waits to be
// submitted.
void WorkerLoop::release_leaving() {
    if (io_uring_sq_ready(ring_->raw()) != 0) return;
    leaving_ = false;
    for (auto& link : links_) {
        if (link == nullptr || !link->leaving.load(std::memory_order_acquire)) continue;
        if (link->outstanding != 0 || !link->requests.empty() || link->reports.unpublished()) {
            leaving_ = true;
            continue;
        }
        port_->remove_target(link->wake_target);
        const std::shared_ptr<WorkerLink> last = std::move(link);
        link = nullptr;
        {
            const std::lock_guard lock(shared_->mutex);
            shared_->links[last->lane] = nullptr;
        }
        last->left.store(true, std::memory_order_release);
        last->left.notify_all();
    }
}

// Whoever leaves from now on need not wait for this thread.
void WorkerLoop::end_links() {
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
    for (const auto& link : shared_->links) {
        if (link == nullptr) continue;
        link->left.store(true, std::memory_order_release);
        link->left.notify_all();
    }
}

void WorkerLoop::take_requests() {
    for (const auto& link : links_) {
        if (link == nullptr) continue;
        // Ends: a core has at most a queue of requests outstanding, and hears of none before
        // publish_reports().
        for (std::size_t count = kBatchMax; count == kBatchMax;) {
            count = link->requests.pop(batch_);
            if (count == 0) break;
            link->outstanding += count;
            backend_->submit(std::span<const StoreRequest>(batch_).first(count));
        }
    }
}

void WorkerLoop::tick_if_due() {
    if (now_.mono_ns >= next_tick_ns_) {
        next_tick_ns_ = now_.mono_ns + shared_->options.tick_ns;
        backend_->tick(now_);
        relay();
    }
    const bool accepting = backend_->accepting();
    if (accepting != shared_->accepting.load(std::memory_order_relaxed)) {
        shared_->accepting.store(accepting, std::memory_order_relaxed);
    }
}

void WorkerLoop::relay() {
    shared_->relay(backend_->counters());
    shared_->accepting.store(backend_->accepting(), std::memory_order_relaxed);
}

void WorkerLoop::publish_reports() {
    for (const auto& link : links_) {
        if (link == nullptr || !link->reports.publish()) continue;
        if (link->core_sleep.claim_wake()) port_->wake(link->wake_target);
    }
}

bool WorkerLoop::finished() const {
    if (!stopping_ || backend_->outstanding() != 0) return false;
    return std::all_of(links_.begin(), links_.end(),
                       [](const auto& link) { return link == nullptr || link->requests.empty(); });
}

bool WorkerLoop::has_work() const {
    if (shared_->version.load(std::memory_order_acquire) != version_) return true;
    return std::any_of(links_.begin(), links_.end(), [this](const auto& link) {
        if (link == nullptr) return false;
        if (!link->requests.empty()) return true;
        // A core that leaves and has all its reports is let go in the next turn, not with the next tick.
        return leaving_ && link->outstanding == 0 && link->leaving.load(std::memory_order_acquire);
    });
}

void WorkerLoop::sleep() {
    shared_->worker_sleep.announce();
    const std::int64_t until_tick_ns = std::max<std::int64_t>(next_tick_ns_ - now_.mono_ns, 0);
    const int error = ring_->enter(has_work() ? 0 : until_tick_ns);
    RMX_ASSERT(error == 0);
    shared_->worker_sleep.awake();
}

void WorkerLoop::report(const StoreReport& report) {
    WorkerLink& link = *links_[report.message->storage_lane];
    RMX_ASSERT(link.outstanding > 0);
    --link.outstanding;
    const bool has_room = link.reports.push(report);
    RMX_ASSERT(has_room);
}

void WorkerLoop::part_done(Message* message, Chunk* chunk, StoreStatus status) {
    RMX_ASSERT(chunk != nullptr);
    report({message, chunk, status, {}});
}

void WorkerLoop::message_done(Message* message, StoreStatus status, std::string_view text) {
    report({message, nullptr, status, text});
}

}  // namespace ringmx::storage
