// A core's way to ask a socketmap service: its cache first, then the service, whose answer comes later. A
// bounded number of questions is under way; beyond them the answer is that nobody knows.
#pragma once

#include <vector>

#include "admin/counters.hpp"
#include "policy/recipient_lookup.hpp"
#include "recipients/answer_cache.hpp"
#include "recipients/socketmap_service.hpp"

namespace ringmx::recipients {

struct SocketmapTimes {
    std::int64_t deadline_ns = 0;  // of a question
    std::int64_t found_ns = 0;     // how long a yes is remembered
    std::int64_t missing_ns = 0;   // and a no
};

class SocketmapLookup final : public policy::RecipientLookup {
 public:
    // `service` and `counters` outlive the object. `cache_entries`: keys that this core remembers.
    SocketmapLookup(unsigned core, SocketmapService& service, const SocketmapTimes& times,
                    std::size_t cache_entries, admin::CoreCounters& counters);

    void attach(policy::Answers& answers) override;
    void collect() override;
    void detach() override;
    policy::Found find(const policy::Ticket& ticket, const policy::RecipientKey& key) override;

 private:
    void forget_if_told();
    void look_in_cache(SocketmapQuestion& question, std::int64_t now_ns) const;
    void keep(const SocketmapQuestion& answer, std::int64_t now_ns);

    const unsigned core_;
    SocketmapService& service_;
    const SocketmapTimes times_;
    admin::CoreCounters& counters_;
    AnswerCache cache_;
    std::uint64_t generation_;
    std::uint32_t under_way_ = 0;
    policy::Answers* answers_ = nullptr;
    std::vector<SocketmapQuestion> collected_;
};

}  // namespace ringmx::recipients
