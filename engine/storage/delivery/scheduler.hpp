// Scheduler: which message of the backlog is submitted next. Pure: no thread, no clock, no I/O, so that a
// model test can try every order of events (tests/unit/delivery/scheduler_test.cpp).
//
// Its rules:
// 1. Messages of a domain are submitted in the order in which they were added (that of the log), several of
//    them at a time.
// 2. A message that was answered retry waits (backoff.hpp). Until it has left, later messages of its domains
//    that are not yet submitted wait behind it; from then on such a domain has one message under way at a
//    time, until one of its messages is answered otherwise. Messages of other domains pass.
// 3. A message that has waited for longer than hold_ns, while the backend took others, is set aside: it goes
//    on being tried, and holds back nobody. Order is lost for that message alone.
// 4. At most in_flight_max messages and octets_max octets are under way; a larger message goes alone.
// 5. With waiting_domains_max domains waiting, no mail of other domains is begun.
// Domains are known by a number (domain_keys.hpp); two that share one share its fate.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "storage/delivery/backoff.hpp"

namespace ringmx::storage::delivery {

struct SchedulerOptions {
    std::uint32_t in_flight_max = 1;  // messages under way at once
    std::uint64_t octets_max = 0;     // of these together
    std::uint32_t known_max = 1;      // messages, and domains beyond the first of each, to keep track of
    std::uint32_t ready_max = 1;      // messages that only wait for room: more are not asked for
    std::uint32_t waiting_domains_max = 1;
    Backoff backoff;
    std::int64_t hold_ns = 0;
};

class Scheduler {
 public:
    using Key = std::uint64_t;  // of a message; rises in the order of add()
    static constexpr std::int64_t kNever = INT64_MAX;

    explicit Scheduler(const SchedulerOptions& options) : options_(options) {}

    // Whether add() may be called.
    bool wants_more() const { return known_ < options_.known_max && ready_count() < options_.ready_max; }
    // The next message of the log. `domains`: of its recipients, at least one; may repeat.
    Key add(std::uint64_t octets, std::span<const std::uint64_t> domains);

    // The message to be submitted now, which is then under way. Nothing: none can be.
    std::optional<Key> next(std::int64_t now_ns);

    // How a message that is under way has ended:
    void stored(Key key) { finish(key, true); }     // forgotten
    void rejected(Key key) { finish(key, false); }  // forgotten
    void retry(Key key, std::int64_t now_ns, std::uint64_t random);
    void put_back(Key key);  // it was not submitted after all

    // When a message that waits may be tried; kNever: none does.
    std::int64_t due_ns() const { return timed_.empty() ? kNever : timed_.begin()->first; }
    // The oldest message that is known.
    std::optional<Key> oldest() const;
    // Attempts that were answered retry.
    std::uint32_t failures(Key key) const { return messages_.at(key).failures; }

    std::size_t messages() const { return messages_.size(); }
    std::uint32_t in_flight() const { return in_flight_; }
    std::uint64_t octets_in_flight() const { return octets_in_flight_; }
    std::size_t waiting_domains() const { return waiting_domains_; }
    std::size_t known() const { return known_; }
    std::size_t ready_count() const { return ready_first_.size() + ready_again_.size(); }

 private:
    enum class Place : std::uint8_t { held, ready, timed, under_way };

    struct Entry {
        std::vector<std::uint64_t> domains;  // each once
        std::uint64_t octets = 0;
        std::uint32_t failures = 0;
        std::uint32_t offers = 0;  // domains whose first it is
        Place place = Place::held;
        bool begun = false;  // it has been under way
        bool aside = false;  // rule 3
        std::int64_t due_ns = 0;
        std::int64_t failed_first_ns = 0;
        std::uint64_t stored_seen = 0;  // stored_ at its last failure
    };
    struct Domain {
        std::set<Key> pending;  // not under way, not aside
        std::uint32_t in_flight = 0;
        bool waiting = false;        // rule 2
        std::optional<Key> offered;  // the one that may go, as far as this domain is concerned
    };

    void finish(Key key, bool stored);
    void leave_flight(Entry& entry);
    void enqueue(Key key, Entry& entry);
    void make_startable(Key key, Entry& entry);
    void withdraw(Key key, Entry& entry);
    void refresh(Domain& domain);
    void set_waiting(Domain& domain, bool waiting);
    void update(std::uint64_t name);
    std::optional<Key> first_ready() const;

    const SchedulerOptions options_;
    std::map<Key, Entry> messages_;
    std::unordered_map<std::uint64_t, Domain> domains_;
    std::set<Key> ready_first_;                     // may go now, never tried
    std::set<Key> ready_again_;                     // may go now, tried before
    std::set<std::pair<std::int64_t, Key>> timed_;  // may go at a time
    Key next_key_ = 1;
    std::size_t known_ = 0;
    std::uint32_t in_flight_ = 0;
    std::uint64_t octets_in_flight_ = 0;
    std::size_t waiting_domains_ = 0;
    std::uint64_t stored_ = 0;
};

}  // namespace ringmx::storage::delivery
