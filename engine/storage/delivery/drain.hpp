// Drain: takes the backlog of a spool to a target: what a delivery's thread does, turn by turn, without the
// thread, so that tests can run it step by step.
//
// - Reads the log of every shard, the oldest message (by its id) first, only as far ahead as the scheduler
//   asks. Of what it knows it keeps places; contents are loaded when a message is submitted and dropped when
//   it is answered.
// - A message that was stored is acknowledged in the spool, in batches. A crash before that means that it is
//   submitted again, with the same id.
// - A message that is refused, or answered retry when it is older than age_max_s, becomes a dead letter, and
// is
//   acknowledged when that is durable.
// - Dead letters for which there is a request (requeue.hpp) are delivered like new messages.
// One thread; blocks for the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "storage/delivery/dead_letters.hpp"
#include "storage/delivery/late_answers.hpp"
#include "storage/delivery/observer.hpp"
#include "storage/delivery/scheduler.hpp"
#include "storage/delivery/target.hpp"
#include "storage/spool/reader.hpp"

namespace ringmx::storage::delivery {

struct DrainOptions {
    std::string spool_path;
    spool::SpoolOptions dead;  // where dead letters go
    SchedulerOptions scheduler;
    std::int64_t age_max_s = 0;  // 0: no message is too old
};

// Written by the drain's thread; read by any.
struct DrainCounters {
    std::atomic<std::uint64_t> delivered{0};
    std::atomic<std::uint64_t> retries{0};
    std::atomic<std::uint64_t> dead{0};
    std::atomic<std::uint64_t> acknowledged{0};  // in the spool
    std::atomic<std::uint64_t> in_flight{0};     // now
    std::atomic<std::uint64_t> octets_in_flight{0};
    std::atomic<std::uint64_t> waiting_domains{0};
    std::atomic<std::int64_t> oldest_ms{0};  // wall clock of the oldest message known; 0: none is
};

class Drain {
 public:
    // `late` may be null. Everything given outlives the drain.
    static Result<std::unique_ptr<Drain>> open(const DrainOptions& options, Target& target, LateAnswers* late,
                                               Observer& observer);
    ~Drain();
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;

    // Does what there is to do; returns how long it may sleep if nothing happens, at most a quarter of a
    // second.
    std::int64_t turn(Now now);
    // Closes the target, takes its last answers, acknowledges what it can.
    void close(Now now);

    const DrainCounters& counters() const { return counters_; }
    const Scheduler& scheduler() const { return scheduler_; }

 private:
    using Key = Scheduler::Key;

    struct Job {
        spool::Cursor cursor;
        MessageId id;
        std::uint32_t envelope_bytes = 0;
        std::uint32_t trace_bytes = 0;
        std::uint64_t body_bytes = 0;
        std::int64_t since_ms = 0;           // its age counts from here
        bool letter = false;                 // of the dead letters' spool
        std::unique_ptr<std::byte[]> bytes;  // envelope and content, while it is under way
        std::uint64_t octets() const { return std::uint64_t{envelope_bytes} + trace_bytes + body_bytes; }
        Bytes envelope() const { return {bytes.get(), envelope_bytes}; }
        Bytes content() const { return {bytes.get() + envelope_bytes, octets() - envelope_bytes}; }
    };
    struct Burial {
        Key key;
        std::string reason;
    };

    Drain(const DrainOptions& options, Target& target, LateAnswers* late, Observer& observer);

    void take_answers();
    void answered(const plugin::Completion& answer);
    void bury();
    void read_log();
    std::optional<spool::StoredMessage> oldest_head();
    void know(const spool::StoredMessage& message, bool letter);
    void look_for_requests();
    bool submit();
    Status load(Job& job);
    void finish(Key key, bool delivered);
    void fail(Key key, std::string_view why);
    void acknowledge(bool all);
    Status acknowledge_letters();
    void tell(Severity severity, std::string_view event, std::string_view text, const Job* job = nullptr);
    void update_gauges();

    const DrainOptions options_;
    Target& target_;
    LateAnswers* late_;
    Observer& observer_;
    Scheduler scheduler_;
    DeadLetters dead_;
    std::unique_ptr<spool::SpoolReader> reader_;
    std::unique_ptr<spool::SpoolReader> letters_;  // of the dead letters; null: not needed yet
    std::mt19937_64 random_;
    Now now_;

    std::map<std::uint32_t, std::optional<spool::StoredMessage>> heads_;  // by shard: read and not yet known
    std::unordered_map<Key, Job> jobs_;
    std::set<spool::Cursor> requested_;  // letters among the jobs, or done and not yet acknowledged
    std::vector<Burial> burials_;
    std::vector<spool::Cursor> done_;          // to be acknowledged
    std::vector<spool::Cursor> letters_done_;  // the same, in the dead letters' spool
    std::int64_t done_since_ns_ = 0;
    std::int64_t no_acks_before_ns_ = 0;
    std::int64_t next_tick_ns_ = 0;
    std::int64_t next_look_ns_ = 0;
    std::int64_t no_reading_before_ns_ = 0;
    bool target_full_ = false;  // until its next answer
    bool waiting_ = false;      // the last answer was retry
    bool ack_failed_ = false;
    bool read_failed_ = false;
    DrainCounters counters_;
};

}  // namespace ringmx::storage::delivery
