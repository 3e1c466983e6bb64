#include "recipients/service_desk.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::int64_t kPauseLeastNs = 100 * kNsPerMs;
constexpr std::int64_t kPauseMostNs = 5 * kNsPerSecond;
constexpr std::int64_t kTellAgainNs = 10 * kNsPerSecond;  // a service that is now well, now not

}  // namespace

ServiceDesk::ServiceDesk(ServiceName name, unsigned cores, std::uint32_t questions_max,
                         admin::CoreCounters& counters, admin::Log& log)
    : name_(std::move(name)), counters_(counters), log_(log) {
    for (unsigned core = 0; core < cores; ++core)
        ports_.push_back(std::make_unique<ServicePort>(std::bit_ceil(questions_max)));
}

bool ServiceDesk::questions_wait() const {
    return std::any_of(ports_.begin(), ports_.end(),
                       [](const auto& port) { return !port->questions.empty(); });
}

void ServiceDesk::take_questions() {
    for (unsigned core = 0; core < ports_.size(); ++core) {
        Waiting waiting;
        waiting.core = core;
        while (ports_[core]->questions.pop(std::span(&waiting.question, 1)) == 1)
            waiting_.push_back(waiting);
    }
}

void ServiceDesk::expire(std::int64_t now_ns) {
    while (!waiting_.empty() && waiting_.front().question.deadline_ns <= now_ns) {
        troubled("no answer in time");
        answer(waiting_.front(), true);
        waiting_.pop_front();
    }
}

void ServiceDesk::publish() {
    for (const auto& port : ports_) {
        if (!port->answers.publish()) continue;
        const std::lock_guard lock(port->mutex);
        if (port->waker != nullptr) port->waker->wake();
    }
}

std::int64_t ServiceDesk::next_deadline_ns() const {
    return waiting_.empty() ? INT64_MAX : waiting_.front().question.deadline_ns;
}

ServiceDesk::Waiting ServiceDesk::take() {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
}

void ServiceDesk::ask_again(Waiting&& first) {
    waiting_.push_front(std::move(first));
}

void ServiceDesk::answer(Waiting& waiting, bool unavailable) {
    waiting.question.unavailable = unavailable;
    const bool taken = ports_[waiting.core]->answers.push(waiting.question);
    RMX_ASSERT(taken);
}

void ServiceDesk::failed(std::int64_t now_ns, const std::string& why) {
    // Attempts that fail together are one.
    if (now_ns >= retry_at_ns_) {
        pause_ns_ = std::clamp(2 * pause_ns_, kPauseLeastNs, kPauseMostNs);
        retry_at_ns_ = now_ns + pause_ns_;
    }
    troubled(why);
}

void ServiceDesk::troubled(const std::string& why) {
    counters_.recipients_service_errors.add(1);
    const std::int64_t now_ns = read_clock().mono_ns;
    if (in_trouble_ || now_ns < tell_again_ns_) return;
    in_trouble_ = true;
    tell_again_ns_ = now_ns + kTellAgainNs;
    log_.event(admin::LogLevel::warning, "recipients_service", name_.text + " " + why,
               {{name_.field, name_.detail}});
}

void ServiceDesk::works() {
    pause_ns_ = 0;
    retry_at_ns_ = 0;
    if (!std::exchange(in_trouble_, false)) return;
    log_.event(admin::LogLevel::info, "recipients_service", name_.text + " answers again",
               {{name_.field, name_.detail}});
}

}  // namespace ringmx::recipients
