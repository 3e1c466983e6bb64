// The way to a service that knows recipients: one thread for the engine, which the cores ask through bounded
// queues. Each question has its deadline; a service that is away is tried again with growing pauses, and
// meanwhile questions wait until their deadline. The protocol is a ServiceClient's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>

#include "admin/counters.hpp"
#include "admin/log.hpp"
#include "base/event_fd.hpp"
#include "base/result.hpp"
#include "policy/policy.hpp"
#include "recipients/service_client.hpp"
#include "recipients/service_desk.hpp"
#include "storage/sleep_flag.hpp"

namespace ringmx::recipients {

struct ServiceOptions {
    ServiceName name;
    bool whole_domains = true;  // whether it is asked for "@example.com", too
    unsigned cores = 1;
    std::uint32_t questions_max = 256;  // under way, per core
};

class LookupService {
 public:
    // Makes the client of the desk's questions; the desk outlives it.
    using ClientMaker = std::function<Result<std::unique_ptr<ServiceClient>>(ServiceDesk& desk)>;

    // Starts the thread. It counts into `counters`; both outlive the object.
    static Result<std::unique_ptr<LookupService>> start(const ServiceOptions& options,
                                                        const ClientMaker& make_client,
                                                        admin::CoreCounters& counters, admin::Log& log);
    ~LookupService();  // the cores must have ended, or be detached
    LookupService(const LookupService&) = delete;
    LookupService& operator=(const LookupService&) = delete;

    // --- a core's thread ---
    void attach(unsigned core, policy::Answers& answers);
    void detach(unsigned core);
    // Never more than questions_max that have not been answered.
    void ask(unsigned core, const ServiceQuestion& question);
    // Takes answers, as many as there is room for; returns how many.
    std::size_t collect(unsigned core, std::span<ServiceQuestion> answers);
    std::uint32_t questions_max() const { return options_.questions_max; }
    bool whole_domains() const { return options_.whole_domains; }

    // --- any thread ---
    // What was said before is not to be relied upon: the cores forget it.
    void forget() { generation_.fetch_add(1, std::memory_order_release); }
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
    LookupService(const ServiceOptions& options, admin::CoreCounters& counters, admin::Log& log);

    // The thread's.
    void run();
    int wait_ms(std::int64_t now_ns) const;

    const ServiceOptions options_;
    EventFd event_;
    storage::SleepFlag sleeping_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> generation_{0};
    ServiceDesk desk_;
    std::unique_ptr<ServiceClient> client_;
    std::thread thread_;
};

}  // namespace ringmx::recipients
