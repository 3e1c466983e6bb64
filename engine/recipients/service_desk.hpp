// The questions of all cores at a service, as its thread sees them: who waits, in order; answers on their way
// back; and how the service is doing, with the pauses between attempts to reach it and what the log says of
// it. All of it is the service's thread's, but what stands in ServicePort.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/counters.hpp"
#include "admin/log.hpp"
#include "policy/policy.hpp"
#include "recipients/service_question.hpp"
#include "storage/spsc_queue.hpp"

namespace ringmx::recipients {

// Between the service's thread and one core.
struct ServicePort {
    explicit ServicePort(std::uint32_t entries) : questions(entries), answers(entries) {}
    storage::SpscQueue<ServiceQuestion> questions;
    storage::SpscQueue<ServiceQuestion> answers;
    std::mutex mutex;  // guards `waker`; the core takes it at its start and at its end
    policy::Answers* waker = nullptr;
};

// What a service is called in the log.
struct ServiceName {
    std::string text;    // "unix:/run/map.sock", "http://127.0.0.1:8080"
    std::string field;   // of the log's line: "map", "url"
    std::string detail;  // its value
};

class ServiceDesk {
 public:
    struct Waiting {
        ServiceQuestion question;
        unsigned core = 0;
    };

    // Counts into `counters`; both outlive the object.
    ServiceDesk(ServiceName name, unsigned cores, std::uint32_t questions_max, admin::CoreCounters& counters,
                admin::Log& log);

    ServicePort& port(unsigned core) { return *ports_[core]; }

    // --- the thread's loop ---
    void take_questions();             // of the cores
    bool questions_wait() const;       // at the ports
    void expire(std::int64_t now_ns);  // gives up those whose deadline has come
    void publish();                    // shows the answers to their cores, with one wake-up for each core
    std::int64_t next_deadline_ns() const;  // of those that wait; INT64_MAX: none

    // --- the client's ---
    std::size_t waiting() const { return waiting_.size(); }
    Waiting take();                   // the one that has waited longest; not when nobody waits
    void ask_again(Waiting&& first);  // before all others
    void answer(Waiting& waiting, bool unavailable);

    // The service cannot be reached: no attempt is to be made for a while, longer each time.
    void failed(std::int64_t now_ns, const std::string& why);
    // It answers, but not as it should, or not in time.
    void troubled(const std::string& why);
    void works();
    bool failing() const { return pause_ns_ > 0; }  // nothing has worked since the last failed()
    std::int64_t retry_at_ns() const { return retry_at_ns_; }

 private:
    const ServiceName name_;
    admin::CoreCounters& counters_;
    admin::Log& log_;
    std::vector<std::unique_ptr<ServicePort>> ports_;
    std::deque<Waiting>
        waiting_;  // at most questions_max of each core, about in the order of their deadlines
    std::int64_t retry_at_ns_ = 0;
    std::int64_t pause_ns_ = 0;
    bool in_trouble_ = false;  // and the log has been told
    std::int64_t tell_again_ns_ = 0;
};

}  // namespace ringmx::recipients
