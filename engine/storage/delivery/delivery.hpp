// Delivery: a thread that drains a spool to a target (drain.hpp), from start() to stop(). It sleeps when
// there is nothing to do, and is woken by answers of the target and by mail that is stored: every backend
// that writes to the spool has a Source and tells it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "base/event_fd.hpp"
#include "storage/delivery/drain.hpp"
#include "storage/sleep_flag.hpp"

namespace ringmx::storage::delivery {

// What `ringmxctl status` shows.
struct DeliveryCounts {
    std::uint64_t backlog_messages = 0;  // in the spool, not delivered
    std::uint64_t oldest_age_s = 0;      // of these; 0: there is none
    std::uint64_t in_flight = 0;
    std::uint64_t octets_in_flight = 0;
    std::uint64_t waiting_domains = 0;
    std::uint64_t delivered = 0;
    std::uint64_t retries = 0;
    std::uint64_t dead = 0;
};

class Delivery {
 public:
    // One writer of the spool.
    class Source {
     public:
        explicit Source(Delivery& delivery) : delivery_(delivery) {}
        // A message was stored. The writer's thread.
        void stored();
        std::uint64_t count() const { return stored_.load(std::memory_order_acquire); }

     private:
        Delivery& delivery_;
        std::atomic<std::uint64_t> stored_{0};
    };

    // `backlog`: messages in the spool, not acknowledged, before anything is added to it.
    Delivery(const DrainOptions& options, MakeTarget make_target, LateAnswers* late, Observer& observer,
             std::uint64_t backlog);
    ~Delivery();  // waits for the thread
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    // Starts the thread and opens the target on it; the error of either.
    Status start();
    // Ends the thread: closes the target, acknowledges what was delivered. False: the target does not let it
    // end within `wait_ns`; then this object, the spool and the observer must stay until the process ends.
    bool stop(std::int64_t wait_ns = INT64_MAX);
    // Valid as long as this object. Any thread.
    Source& add_source();
    Durability durability() const { return durability_; }  // of the target, after start()

    DeliveryCounts counts() const;  // any thread

 private:
    void run();
    bool anything_new() const;
    std::uint64_t stored() const;

    const DrainOptions options_;
    const MakeTarget make_target_;
    LateAnswers* const late_;
    Observer& observer_;
    const std::uint64_t backlog_;
    Durability durability_ = Durability::none;
    EventFd event_;
    SleepFlag sleep_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> answered_{false};  // since the last turn began
    std::atomic<std::uint64_t> stored_seen_{0};
    mutable std::mutex mutex_;  // of `sources_`
    std::deque<Source> sources_;
    std::unique_ptr<Target> target_;
    std::unique_ptr<Drain> drain_;
    std::promise<void> ended_;
    std::thread thread_;
};

}  // namespace ringmx::storage::delivery
