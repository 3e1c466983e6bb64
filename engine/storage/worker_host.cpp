#include "storage/worker_host.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/assert.hpp"

namespace ringmx::storage {
namespace {

constexpr std::size_t kReportsAtOnce = 64;
constexpr std::chrono::milliseconds kPause{5};  // between two looks at a worker that is asked to give up

// Makes the link known to the worker, on the first free lane. The worker sees it before the first request,
// because it looks at the version, too, before it sleeps.
void enlist(WorkerShared& shared, const std::shared_ptr<WorkerLink>& link) {
    const std::lock_guard lock(shared.mutex);
    const auto free = std::find(shared.links.begin(), shared.links.end(), nullptr);
    link->lane = static_cast<std::uint32_t>(free - shared.links.begin());
    if (free == shared.links.end()) {
        shared.links.push_back(link);
    } else {
        *free = link;
    }
    shared.version.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace

WorkerHost::WorkerHost(std::shared_ptr<WorkerShared> shared, std::shared_ptr<WorkerLink> link,
                       ring::Ring& core_ring, StoreSink& core_sink)
    : shared_(std::move(shared)),
      link_(std::move(link)),
      sink_(core_sink),
      port_(core_ring, link_->core_event, shared_->options.message_ring),
      worker_target_(port_.add_target(shared_->worker_address)) {
    link_->core_address = port_.address();
    enlist(*shared_, link_);
}

WorkerHost::~WorkerHost() {
    if (ask_to_leave()) link_->left.wait(false, std::memory_order_acquire);
}

// False: the worker has let this core go, or has ended.
bool WorkerHost::ask_to_leave() {
    if (link_->left.load(std::memory_order_acquire)) return false;
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->ended) return false;
        link_->requests.publish();
        link_->leaving.store(true, std::memory_order_release);
        shared_->version.fetch_add(1, std::memory_order_acq_rel);
    }
    // By the eventfd: this core's ring may not be entered any more. It also covers what was published just
    // above.
    shared_->worker_event.signal();
    return true;
}

bool WorkerHost::abandon(std::int64_t wait_ns) {
    shared_->give_up.store(true, std::memory_order_release);
    if (!ask_to_leave()) return true;
    const std::int64_t deadline_ns = read_clock().mono_ns + wait_ns;
    while (!link_->left.load(std::memory_order_acquire)) {
        if (read_clock().mono_ns >= deadline_ns) {
            shared_->stuck.store(true, std::memory_order_release);
            return false;
        }
        std::this_thread::sleep_for(kPause);
    }
    return true;
}

std::uint64_t WorkerHost::outstanding_max() const {
    const std::uint64_t wanted = shared_->options.outstanding_max;
    const std::uint64_t places = link_->requests.capacity();
    return wanted == 0 ? places : std::min(wanted, places);
}

bool WorkerHost::submit(const StoreRequest& request) {
    if (outstanding() >= outstanding_max()) {
        ++queue_full_;
        return false;
    }
    // Written once, with the first request: the worker may read it from then on.
    if (request.message->storage_lane != link_->lane) request.message->storage_lane = link_->lane;
    const bool has_room = link_->requests.push(request);
    RMX_ASSERT(has_room);  // never more in the queue than outstanding
    ++submitted_;
    return true;
}

void WorkerHost::flush() {
    if (link_->requests.publish() && shared_->worker_sleep.claim_wake()) port_.wake(worker_target_);
}

void WorkerHost::poll() {
    std::array<StoreReport, kReportsAtOnce> reports;
    for (std::size_t count = reports.size(); count == reports.size();) {
        count = link_->reports.pop(reports);
        completed_ += count;
        for (std::size_t i = 0; i < count; ++i) {
            const StoreReport& report = reports[i];
            if (report.chunk != nullptr) {
                sink_.part_done(report.message, report.chunk, report.status);
            } else {
                sink_.message_done(report.message, report.status, report.text);
            }
        }
    }
}

bool WorkerHost::prepare_to_sleep() {
    if (link_->requests.unpublished()) return true;
    link_->core_sleep.announce();
    return !link_->reports.empty();
}

void WorkerHost::woke_up() {
    link_->core_sleep.awake();
}

HostCounters WorkerHost::counters() const {
    HostCounters counters;
    counters.submitted = submitted_;
    counters.completed = completed_;
    counters.depth = outstanding();
    counters.queue_full = queue_full_;
    counters.wakes_sent = port_.wakes_sent();
    return counters;
}

}  // namespace ringmx::storage
