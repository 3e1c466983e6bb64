// Who has a message already: the settled recipients of messages that were completed with retry, by message
// id, so that a later submission goes to the others only. In memory, bounded, for the life of the process,
// and shared by every instance that talks to the same address: a message may come back through another one.
//
// What is forgotten (the oldest, for want of room; everything at a restart) costs a duplicate with the same
// id.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lmtp/verdict.hpp"

namespace ringmx::lmtp {

using Id = std::array<std::uint8_t, 16>;

struct Settled {
    std::string forward_path;
    Outcome outcome = Outcome::delivered;  // delivered or refused
    std::string text;
};

class Ledger {
 public:
    static constexpr std::size_t messages_max_default = 100'000;
    static constexpr std::size_t octets_max = std::size_t{64} << 20;  // of paths and texts

    explicit Ledger(std::size_t messages_max) : messages_max_(messages_max) {}

    // The ledger of an address. The first to ask decides how much it holds. Lives until the process ends.
    static std::shared_ptr<Ledger> shared(const std::string& address, std::size_t messages_max);

    // All functions: any thread.
    std::vector<Settled> recall(const Id& id) const;
    // In place of what was known of it. Returns how many other messages had to be forgotten.
    std::size_t remember(const Id& id, std::vector<Settled> settled);
    void forget(const Id& id);
    std::size_t messages() const;

 private:
    struct Entry {
        std::vector<Settled> settled;
        std::size_t octets = 0;
        std::list<Id>::iterator age;
    };
    void forget_locked(const Id& id);

    const std::size_t messages_max_;
    mutable std::mutex mutex_;
    std::map<Id, Entry> entries_;
    std::list<Id> ages_;  // oldest first
    std::size_t octets_ = 0;
};

}  // namespace ringmx::lmtp
