// Produces messages and completes each when all its records are delivered, or one of them is not.
//
// The worker's thread hands jobs in; a thread of the sender's own produces them and takes delivery reports.
// It sleeps on an eventfd that both the worker and the library write to. One mutex guards the jobs.
//
// Rules
// 1. A message's memory is read by the sender's thread only, under the mutex: the library has a copy.
// 2. With durability `replicated`, a topic gets its first record after its partitions were seen to have two
//    replicas at least.
// 3. A job of which no record was produced is completed with retry `timeout` after its submission; one of
// which
//    some were, when the library reports on them (message.timeout.ms is the same), two seconds later at most.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "options.hpp"
#include "producer.hpp"
#include "records/record.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::kafka {

class Sender {
 public:
    Sender(plugin::Host host, Settings settings);
    ~Sender();

    plugin::Durability durability() const { return settings_.durability; }
    void submit(std::span<const plugin::Message> messages);
    void tick();
    // Waits for what is in flight, five seconds at most; the rest is completed with retry.
    void close();

 private:
    struct Job {
        explicit Job(const plugin::Message& submitted) : message(submitted) {}
        plugin::Message message;
        std::int64_t deadline_ns = 0;
        std::optional<records::Plan> plan;
        std::size_t produced = 0;
        std::size_t delivered = 0;
    };
    using Jobs = std::map<std::uint64_t, Job>;  // by number; submitted first comes first
    struct Ticket {
        std::uint64_t number;
        std::uint64_t octets;
    };
    using Lock = std::unique_lock<std::mutex>;

    // The sender's thread.
    void run();
    void wait() const;
    void produce_all(Lock& lock);
    bool prepare(Lock& lock, std::uint64_t number);
    bool produce_next(Jobs::iterator job);
    bool topic_fits(Lock& lock, const std::string& topic, std::string& why);
    void delivered(std::uint64_t ticket, rd_kafka_resp_err_t error);
    void start_over();
    std::unique_ptr<Producer> make_producer();

    // With the mutex.
    void finish(Jobs::iterator job, plugin::Status status, std::string_view text);
    void complain(const std::string& text);
    void wake() const;

    plugin::Host host_;
    Settings settings_;
    int wake_fd_ = -1;
    std::mutex mutex_;
    Jobs jobs_;
    std::deque<std::uint64_t> queue_;                    // numbers of jobs with records to produce
    std::unordered_map<std::uint64_t, Ticket> tickets_;  // of records that the library has
    std::uint64_t last_number_ = 0;
    std::uint64_t last_ticket_ = 0;
    std::uint64_t in_flight_octets_ = 0;
    bool stop_ = false;
    bool closed_ = false;
    std::string complaint_;
    std::int64_t complained_ns_ = 0;
    // The sender's thread only:
    std::map<std::string, std::int64_t> topics_;  // fit: 0; unfit: when it was found so, ns
    std::string scratch_;

    struct Counters {
        ringmx_counter *records, *octets, *failed, *producers;
    } counters_{};
    std::unique_ptr<Producer> producer_;
    std::thread thread_;
};

}  // namespace ringmx::kafka
