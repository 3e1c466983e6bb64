// A list of recipients that is in memory: immutable, shared by all cores, replaced as a whole.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "policy/recipient_lookup.hpp"

namespace ringmx::recipients {

class RecipientList {
 public:
    virtual ~RecipientList() = default;
    // Any thread; allocates nothing and waits for nobody.
    virtual bool contains(const policy::RecipientKey& key) const = 0;
    // Addresses and domains of which every local part exists.
    virtual std::uint64_t size() const = 0;
};

using RecipientListPtr = std::shared_ptr<const RecipientList>;

// Where the cores find the list. Any thread may put another one there.
class ListSlot {
 public:
    // Rises with each set().
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
    RecipientListPtr get() const {
        const std::lock_guard lock(mutex_);
        return list_;
    }
    // Returns the list before. Cores still hold it for a moment.
    RecipientListPtr set(RecipientListPtr list) {
        const std::lock_guard lock(mutex_);
        list_.swap(list);
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        return list;
    }

 private:
    std::atomic<std::uint64_t> version_{0};
    mutable std::mutex mutex_;
    RecipientListPtr list_;
};

// A core's view of a slot. It takes the lock only when the list has changed; from then on it sees the new
// one. collect() makes it let go of an old list when it has nothing to look up.
class ListLookup final : public policy::RecipientLookup {
 public:
    explicit ListLookup(const ListSlot& slot) : slot_(slot), seen_(slot.version()), list_(slot.get()) {}

    void collect() override { refresh(); }
    policy::Found find(const policy::Ticket&, const policy::RecipientKey& key) override {
        refresh();
        return list_->contains(key) ? policy::Found::yes : policy::Found::no;
    }

 private:
    void refresh() {
        const std::uint64_t version = slot_.version();
        if (version == seen_) return;
        seen_ = version;
        list_ = slot_.get();  // this one, or a later one that the next refresh takes once more
    }

    const ListSlot& slot_;
    std::uint64_t seen_;
    RecipientListPtr list_;
};

}  // namespace ringmx::recipients
