#include "storage/delivery/scheduler.hpp"

#include <algorithm>
#include <limits>

#include "base/assert.hpp"

namespace ringmx::storage::delivery {

Scheduler::Key Scheduler::add(std::uint64_t octets, std::span<const std::uint64_t> domains) {
    RMX_ASSERT(!domains.empty());
    const Key key = next_key_++;
    Entry& entry = messages_[key];
    entry.domains.assign(domains.begin(), domains.end());
    std::sort(entry.domains.begin(), entry.domains.end());
    entry.domains.erase(std::unique(entry.domains.begin(), entry.domains.end()), entry.domains.end());
    entry.domains.shrink_to_fit();
    entry.octets = octets;
    known_ += entry.domains.size();
    enqueue(key, entry);
    return key;
}

std::optional<Scheduler::Key> Scheduler::first_ready() const {
    const bool again = !ready_again_.empty();
    const bool first = !ready_first_.empty() && waiting_domains_ < options_.waiting_domains_max;
    if (again && first) return std::min(*ready_again_.begin(), *ready_first_.begin());
    if (again) return *ready_again_.begin();
    if (first) return *ready_first_.begin();
    return std::nullopt;
}

std::optional<Scheduler::Key> Scheduler::next(std::int64_t now_ns) {
    while (!timed_.empty() && timed_.begin()->first <= now_ns) {
        const Key key = timed_.begin()->second;
        timed_.erase(timed_.begin());
        messages_.at(key).place = Place::ready;
        ready_again_.insert(key);
    }
    const std::optional<Key> key = first_ready();
    if (!key || in_flight_ >= options_.in_flight_max) return std::nullopt;
    Entry& entry = messages_.at(*key);
    if (in_flight_ > 0 && octets_in_flight_ + entry.octets > options_.octets_max) return std::nullopt;
    withdraw(*key, entry);
    entry.place = Place::under_way;
    ++in_flight_;
    octets_in_flight_ += entry.octets;
    entry.begun = true;
    if (entry.aside) return key;
    for (const std::uint64_t name : entry.domains) {
        Domain& domain = domains_.at(name);
        ++domain.in_flight;
        domain.pending.erase(*key);
        refresh(domain);
    }
    return key;
}

// Behind those of its domains that were added before it.
void Scheduler::enqueue(Key key, Entry& entry) {
    entry.place = Place::held;
    entry.offers = 0;
    if (entry.aside) return make_startable(key, entry);
    for (const std::uint64_t name : entry.domains) {
        Domain& domain = domains_[name];
        domain.pending.insert(key);
        refresh(domain);
    }
}

void Scheduler::make_startable(Key key, Entry& entry) {
    if (entry.due_ns != 0) {
        entry.place = Place::timed;
        timed_.emplace(entry.due_ns, key);
        return;
    }
    entry.place = Place::ready;
    (entry.begun ? ready_again_ : ready_first_).insert(key);
}

void Scheduler::withdraw(Key key, Entry& entry) {
    if (entry.place == Place::timed) timed_.erase({entry.due_ns, key});
    if (entry.place == Place::ready) (entry.begun ? ready_again_ : ready_first_).erase(key);
    entry.place = Place::held;
}

// Offers the domain's first message, unless one of a waiting domain is under way. A message may go when all
// of its domains offer it.
void Scheduler::refresh(Domain& domain) {
    std::optional<Key> offer;
    if (!domain.pending.empty() && !(domain.waiting && domain.in_flight > 0)) offer = *domain.pending.begin();
    if (offer == domain.offered) return;
    if (domain.offered) {
        Entry& before = messages_.at(*domain.offered);
        if (before.place != Place::under_way) {
            withdraw(*domain.offered, before);
            --before.offers;
        }
    }
    domain.offered = offer;
    if (!offer) return;
    Entry& entry = messages_.at(*offer);
    if (++entry.offers == entry.domains.size()) make_startable(*offer, entry);
}

void Scheduler::set_waiting(Domain& domain, bool waiting) {
    if (domain.waiting == waiting) return;
    domain.waiting = waiting;
    waiting ? ++waiting_domains_ : --waiting_domains_;
}

// After something of a domain has changed; it may be unknown by now.
void Scheduler::update(std::uint64_t name) {
    const auto found = domains_.find(name);
    if (found == domains_.end()) return;
    Domain& domain = found->second;
    refresh(domain);
    if (domain.in_flight > 0 || !domain.pending.empty()) return;
    set_waiting(domain, false);
    domains_.erase(found);
}

void Scheduler::leave_flight(Entry& entry) {
    RMX_ASSERT(entry.place == Place::under_way && in_flight_ > 0);
    entry.place = Place::held;
    --in_flight_;
    octets_in_flight_ -= entry.octets;
    if (entry.aside) return;  // no domain knows of it
    for (const std::uint64_t name : entry.domains)
        --domains_.at(name).in_flight;
}

void Scheduler::finish(Key key, bool stored) {
    Entry& entry = messages_.at(key);
    leave_flight(entry);
    stored_ += stored;
    for (const std::uint64_t name : entry.domains) {
        if (const auto found = domains_.find(name); found != domains_.end())
            set_waiting(found->second, false);
        update(name);
    }
    known_ -= entry.domains.size();
    messages_.erase(key);
}

void Scheduler::retry(Key key, std::int64_t now_ns, std::uint64_t random) {
    Entry& entry = messages_.at(key);
    leave_flight(entry);
    if (entry.failures == 0) entry.failed_first_ns = now_ns;
    if (entry.failures < std::numeric_limits<std::uint32_t>::max()) ++entry.failures;
    const bool others_pass = entry.failures > 1 && stored_ != entry.stored_seen;
    const bool held_long = now_ns - entry.failed_first_ns >= options_.hold_ns;
    const bool was_aside = entry.aside;
    entry.aside = was_aside || options_.hold_ns == 0 || (held_long && others_pass);
    entry.stored_seen = stored_;
    entry.due_ns = now_ns + options_.backoff.delay_ns(entry.failures, random);
    if (!was_aside) {
        for (const std::uint64_t name : entry.domains)
            set_waiting(domains_.at(name), !entry.aside);
    }
    enqueue(key, entry);
    for (const std::uint64_t name : entry.domains)
        update(name);
}

void Scheduler::put_back(Key key) {
    Entry& entry = messages_.at(key);
    leave_flight(entry);
    entry.due_ns = 0;
    enqueue(key, entry);
    for (const std::uint64_t name : entry.domains)
        update(name);
}

std::optional<Scheduler::Key> Scheduler::oldest() const {
    if (messages_.empty()) return std::nullopt;
    return messages_.begin()->first;
}

}  // namespace ringmx::storage::delivery
