#include "recipients/lookup_service.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include <pthread.h>
#include <signal.h>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/signal_mask.hpp"

namespace ringmx::recipients {

namespace {

constexpr int kForEver = -1;

std::int64_t now() {
    return read_clock().mono_ns;
}

}  // namespace

// --- the cores' side
// ---------------------------------------------------------------------------------------------------

Result<std::unique_ptr<LookupService>> LookupService::start(const ServiceOptions& options,
                                                            const ClientMaker& make_client,
                                                            admin::CoreCounters& counters, admin::Log& log) {
    std::unique_ptr<LookupService> service(new LookupService(options, counters, log));
    if (service->event_.get() < 0) return system_error(errno, "eventfd");
    auto client = make_client(service->desk_);
    if (!client) return client.error();
    service->client_ = std::move(*client);
    service->thread_ = std::thread([started = service.get()] { started->run(); });
    return service;
}

LookupService::LookupService(const ServiceOptions& options, admin::CoreCounters& counters, admin::Log& log)
    : options_(options), desk_(options.name, options.cores, options.questions_max, counters, log) {}

LookupService::~LookupService() {
    stopping_.store(true, std::memory_order_release);
    event_.signal();
    if (thread_.joinable()) thread_.join();
}

void LookupService::attach(unsigned core, policy::Answers& answers) {
    const std::lock_guard lock(desk_.port(core).mutex);
    desk_.port(core).waker = &answers;
}

void LookupService::detach(unsigned core) {
    const std::lock_guard lock(desk_.port(core).mutex);
    desk_.port(core).waker = nullptr;
}

void LookupService::ask(unsigned core, const ServiceQuestion& question) {
    auto& questions = desk_.port(core).questions;
    const bool taken = questions.push(question);
    RMX_ASSERT(taken);
    questions.publish();
    if (sleeping_.claim_wake()) event_.signal();
}

std::size_t LookupService::collect(unsigned core, std::span<ServiceQuestion> answers) {
    return desk_.port(core).answers.pop(answers);
}

// --- the thread
// --------------------------------------------------------------------------------------------------------

void LookupService::run() {
    block_asynchronous_signals();
    pthread_setname_np(pthread_self(), "ringmx-lookup");
    while (!stopping_.load(std::memory_order_acquire)) {
        const std::int64_t now_ns = now();
        desk_.take_questions();
        desk_.expire(now_ns);
        client_->expire(now_ns);
        client_->assign(now_ns);
        desk_.publish();
        sleeping_.announce();
        const bool goes_on = desk_.questions_wait() || stopping_.load(std::memory_order_acquire);
        client_->wait(event_.get(), goes_on ? 0 : wait_ms(now_ns));
        sleeping_.awake();
        event_.drain();
        client_->serve(now());
    }
}

int LookupService::wait_ms(std::int64_t now_ns) const {
    std::int64_t until = std::min(desk_.next_deadline_ns(), client_->next_deadline_ns());
    if (desk_.waiting() > 0 && client_->can_begin() && desk_.retry_at_ns() > now_ns)
        until = std::min(until, desk_.retry_at_ns());
    if (until == INT64_MAX) return kForEver;
    return static_cast<int>(std::clamp<std::int64_t>((until - now_ns) / kNsPerMs + 1, 0, 60'000));
}

}  // namespace ringmx::recipients
