#include "recipients/service_lookup.hpp"

#include "base/clock.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::size_t kCollectedAtOnce = 16;

using Said = ServiceQuestion::Said;

}  // namespace

ServiceLookup::ServiceLookup(unsigned core, LookupService& service, const ServiceTimes& times,
                             std::size_t cache_entries, admin::CoreCounters& counters)
    : core_(core),
      service_(service),
      times_(times),
      counters_(counters),
      cache_(cache_entries),
      generation_(service.generation()),
      collected_(kCollectedAtOnce) {}

void ServiceLookup::attach(policy::Answers& answers) {
    answers_ = &answers;
    service_.attach(core_, answers);
}

void ServiceLookup::detach() {
    service_.detach(core_);
    answers_ = nullptr;
}

void ServiceLookup::forget_if_told() {
    const std::uint64_t generation = service_.generation();
    if (generation == generation_) return;
    generation_ = generation;
    cache_.clear();
}

void ServiceLookup::look_in_cache(ServiceQuestion& question, std::int64_t now_ns) const {
    policy::ShortText room;
    for (std::uint8_t i = 0; i < ServiceQuestion::keys; ++i) {
        if (question.said[i] != Said::nothing) continue;
        const auto known = cache_.find(question.key(static_cast<ServiceQuestion::Key>(i), room), now_ns);
        if (known) question.said[i] = *known ? Said::yes : Said::no;
    }
}

void ServiceLookup::keep(const ServiceQuestion& answer, std::int64_t now_ns) {
    if (answer.generation != generation_) return;
    policy::ShortText room;
    for (std::uint8_t i = 0; i < ServiceQuestion::keys; ++i) {
        if (!answer.fresh[i]) continue;
        const bool exists = answer.said[i] == Said::yes;
        cache_.keep(answer.key(static_cast<ServiceQuestion::Key>(i), room), exists,
                    now_ns + (exists ? times_.found_ns : times_.missing_ns), now_ns);
    }
}

policy::Found ServiceLookup::find(const policy::Ticket& ticket, const policy::RecipientKey& key) {
    forget_if_told();
    const std::int64_t now_ns = read_clock().mono_ns;
    ServiceQuestion question = ServiceQuestion::of(ticket, key, service_.whole_domains());
    look_in_cache(question, now_ns);
    if (!question.open_key()) {
        counters_.recipients_cached.add(1);
        return question.found();
    }
    if (under_way_ >= service_.questions_max()) {
        counters_.recipients_unavailable.add(1);
        return policy::Found::unavailable;
    }
    ++under_way_;
    counters_.recipients_asked.add(1);
    question.deadline_ns = now_ns + times_.deadline_ns;
    question.generation = generation_;
    service_.ask(core_, question);
    return policy::Found::later;
}

void ServiceLookup::collect() {
    std::size_t count = 0;
    while ((count = service_.collect(core_, collected_)) > 0) {
        const std::int64_t now_ns = read_clock().mono_ns;
        forget_if_told();
        for (std::size_t i = 0; i < count; ++i) {
            const ServiceQuestion& answer = collected_[i];
            --under_way_;
            keep(answer, now_ns);
            if (answer.found() == policy::Found::unavailable) counters_.recipients_unavailable.add(1);
            answers_->answer(answer.ticket, policy::decide(answer.found()));
        }
    }
}

}  // namespace ringmx::recipients
