// A core's way to ask a service: its cache first, then the service, whose answer comes later. A
// bounded number of questions is under way; beyond them the answer is that nobody knows.
#pragma once

#include <vector>

#include "admin/counters.hpp"
#include "policy/recipient_lookup.hpp"
#include "recipients/answer_cache.hpp"
#include "recipients/lookup_service.hpp"

namespace ringmx::recipients {

struct ServiceTimes {
    std::int64_t deadline_ns = 0;  // of a question
    std::int64_t found_ns = 0;     // how long a yes is remembered
    std::int64_t missing_ns = 0;   // and a no
};

class ServiceLookup final : public policy::RecipientLookup {
 public:
    // `service` and `counters` outlive the object. `cache_entries`: keys that this core remembers.
    ServiceLookup(unsigned core, LookupService& service, const ServiceTimes& times, std::size_t cache_entries,
                  admin::CoreCounters& counters);

    void attach(policy::Answers& answers) override;
    void collect() override;
    void detach() override;
    policy::Found find(const policy::Ticket& ticket, const policy::RecipientKey& key) override;

 private:
    void forget_if_told();
    void look_in_cache(ServiceQuestion& question, std::int64_t now_ns) const;
    void keep(const ServiceQuestion& answer, std::int64_t now_ns);

    const unsigned core_;
    LookupService& service_;
    const ServiceTimes times_;
    admin::CoreCounters& counters_;
    AnswerCache cache_;
    std::uint64_t generation_;
    std::uint32_t under_way_ = 0;
    policy::Answers* answers_ = nullptr;
    std::vector<ServiceQuestion> collected_;
};

}  // namespace ringmx::recipients
