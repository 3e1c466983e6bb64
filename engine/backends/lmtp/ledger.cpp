#include "lmtp/ledger.hpp"

#include <utility>

namespace ringmx::lmtp {

std::shared_ptr<Ledger> Ledger::shared(const std::string& address, std::size_t messages_max) {
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<Ledger>> ledgers;
    const std::lock_guard lock(mutex);
    std::shared_ptr<Ledger>& ledger = ledgers[address];
    if (!ledger) ledger = std::make_shared<Ledger>(messages_max);
    return ledger;
}

std::vector<Settled> Ledger::recall(const Id& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    return found == entries_.end() ? std::vector<Settled>{} : found->second.settled;
}

std::size_t Ledger::remember(const Id& id, std::vector<Settled> settled) {
    const std::lock_guard lock(mutex_);
    forget_locked(id);
    Entry entry;
    entry.settled = std::move(settled);
    for (const Settled& one : entry.settled)
        entry.octets += sizeof(Settled) + one.forward_path.size() + one.text.size();
    entry.age = ages_.insert(ages_.end(), id);
    octets_ += entry.octets;
    entries_.emplace(id, std::move(entry));
    std::size_t forgotten = 0;
    while (entries_.size() > messages_max_ || octets_ > octets_max) {
        const bool itself = ages_.front() == id;
        forget_locked(Id(ages_.front()));
        if (!itself) ++forgotten;
    }
    return forgotten;
}

void Ledger::forget(const Id& id) {
    const std::lock_guard lock(mutex_);
    forget_locked(id);
}

std::size_t Ledger::messages() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

void Ledger::forget_locked(const Id& id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    octets_ -= found->second.octets;
    ages_.erase(found->second.age);
    entries_.erase(found);
}

}  // namespace ringmx::lmtp
