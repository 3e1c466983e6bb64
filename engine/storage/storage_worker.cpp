#include "storage/storage_worker.hpp"

#include <cerrno>
#include <future>
#include <thread>

#include <pthread.h>
#include <sched.h>

#include "storage/worker_host.hpp"
#include "storage/worker_loop.hpp"
#include "storage/worker_shared.hpp"

namespace ringmx::storage {

struct StorageWorker::State {
    explicit State(const WorkerOptions& options) : shared(std::make_shared<WorkerShared>(options)) {}
    std::shared_ptr<WorkerShared> shared;
    std::thread thread;
};

namespace {

void prepare_thread(const WorkerOptions& options) {
    pthread_setname_np(pthread_self(), options.name.substr(0, 15).c_str());
    if (options.pin_to < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(options.pin_to), &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);  // a worker that may not be pinned still serves
}

}  // namespace

Result<std::unique_ptr<StorageWorker>> StorageWorker::start(const WorkerOptions& options,
                                                            BackendFactory factory) {
    std::unique_ptr<StorageWorker> worker(new StorageWorker);
    worker->state_ = std::make_unique<State>(options);
    if (worker->state_->shared->worker_event.get() < 0)
        return system_error(errno, "a storage worker's eventfd");
    std::promise<Status> opened;
    std::future<Status> outcome = opened.get_future();
    worker->state_->thread = std::thread([shared = worker->state_->shared, make_backend = std::move(factory),
                                          promise = std::move(opened)]() mutable {
        prepare_thread(shared->options);
        WorkerLoop loop(shared);
        Status status = loop.open(make_backend);
        const bool ok = status.ok();
        promise.set_value(std::move(status));
        if (ok) loop.run();
    });
    const Status status = outcome.get();
    if (!status.ok()) return status.error();  // the thread has nothing more to do; stop() joins it
    return worker;
}

StorageWorker::~StorageWorker() {
    stop();
}

Result<std::unique_ptr<Host>> StorageWorker::attach(ring::Ring& core_ring, StoreSink& core_sink) {
    auto link = std::make_shared<WorkerLink>(state_->shared->options.queue_entries);
    if (link->core_event.get() < 0) return system_error(errno, "a core's eventfd");
    return std::unique_ptr<Host>(new WorkerHost(state_->shared, std::move(link), core_ring, core_sink));
}

BackendTraits StorageWorker::traits() const {
    return state_->shared->traits;
}

bool StorageWorker::stop() {
    if (state_ == nullptr) return true;
    const bool stuck = state_->shared->stuck.load(std::memory_order_acquire);
    if (!state_->thread.joinable()) return !stuck;
    state_->shared->stop.store(true, std::memory_order_release);
    state_->shared->version.fetch_add(1, std::memory_order_acq_rel);
    state_->shared->worker_event.signal();
    if (stuck) {
        state_->thread.detach();
    } else {
        state_->thread.join();
    }
    return !stuck;
}

}  // namespace ringmx::storage
