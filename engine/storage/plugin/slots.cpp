#include "storage/plugin/slots.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/assert.hpp"

namespace ringmx::storage::plugin {
namespace {

constexpr std::uint64_t kFree = 0, kPending = 1, kClaimed = 2;
constexpr std::uint64_t kPhaseBits = 2;

constexpr std::uint64_t state_of(std::uint64_t life, std::uint64_t phase) {
    return life << kPhaseBits | phase;
}

// Tables number their lives differently, so that a token given to the host of another instance is noticed.
std::uint32_t first_life() {
    static std::atomic<std::uint32_t> tables{0};
    constexpr std::uint32_t golden_ratio = 0x9e3779b1;
    return tables.fetch_add(1, std::memory_order_relaxed) * golden_ratio;
}

}  // namespace

SlotTable::SlotTable(std::uint32_t count) : count_(count), slots_(std::make_unique<Slot[]>(count)) {
    RMX_ASSERT(count > 0);
    free_.reserve(count);
    const std::uint32_t life = first_life();
    for (std::uint32_t index = count; index-- > 0;) {
        slots_[index].state.store(state_of(life, kFree), std::memory_order_relaxed);
        free_.push_back(index);
    }
}

Slot* SlotTable::acquire(std::uint64_t cookie) {
    if (free_.empty()) return nullptr;
    Slot& slot = slots_[free_.back()];
    free_.pop_back();
    slot.cookie = cookie;
    // 32 bits of life: a token is good again after four thousand million submissions in its slot. 0 is left
    // out, so that no token is 0.
    std::uint64_t life = ((slot.state.load(std::memory_order_relaxed) >> kPhaseBits) + 1) & 0xffffffff;
    if (life == 0) life = 1;
    slot.state.store(state_of(life, kPending), std::memory_order_release);
    return &slot;
}

std::uint64_t SlotTable::token(const Slot& slot) const {
    const std::uint64_t life = slot.state.load(std::memory_order_relaxed) >> kPhaseBits;
    return life << 32 | static_cast<std::uint64_t>(&slot - slots_.get());
}

SlotTable::Outcome SlotTable::complete(std::uint64_t token, StoreStatus status, std::string_view text) {
    const auto index = static_cast<std::uint32_t>(token);
    if (index >= count_) return Outcome::refused;
    Slot& slot = slots_[index];
    std::uint64_t pending = state_of(token >> 32, kPending);
    if (!slot.state.compare_exchange_strong(pending, state_of(token >> 32, kClaimed),
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
        return Outcome::refused;
    }
    slot.status = status;
    slot.text_octets = static_cast<std::uint32_t>(std::min(text.size(), slot.text_memory.size()));
    std::copy_n(text.begin(), slot.text_octets, slot.text_memory.begin());
    Slot* head = completed_.load(std::memory_order_relaxed);
    do
        slot.next = head;
    while (
        !completed_.compare_exchange_weak(head, &slot, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr ? Outcome::first : Outcome::further;
}

Slot* SlotTable::take_all() {
    return settled_ != nullptr ? std::exchange(settled_, nullptr) : take_newly_completed();
}

Slot* SlotTable::take_newly_completed() {
    Slot* newest = completed_.exchange(nullptr, std::memory_order_acquire);
    Slot* oldest = nullptr;
    while (newest != nullptr) {
        Slot* const before = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    return oldest;
}

void SlotTable::release(Slot& slot) {
    slot.view.clear();
    const std::uint64_t life = slot.state.load(std::memory_order_relaxed) >> kPhaseBits;
    slot.state.store(state_of(life, kFree), std::memory_order_relaxed);
    free_.push_back(static_cast<std::uint32_t>(&slot - slots_.get()));
}

void SlotTable::complete_rest(StoreStatus status, std::string_view text) {
    for (std::uint32_t index = 0; index < count_; ++index) {
        const std::uint64_t state = slots_[index].state.load(std::memory_order_relaxed);
        if ((state & 3) == kPending) complete(token(slots_[index]), status, text);
    }
    // A slot that another thread has claimed comes within a few instructions of that thread.
    Slot** end = &settled_;
    for (std::uint32_t count = 0; count < used();) {
        *end = take_newly_completed();
        if (*end == nullptr) std::this_thread::yield();
        for (; *end != nullptr; end = &(*end)->next)
            ++count;
    }
}

}  // namespace ringmx::storage::plugin
