// The submissions of an instance that are not yet completed: a fixed table of slots. A token names a slot and
// its present life, so a completion is checked with one compare-and-swap: whoever moves the slot from
// `pending` to `claimed` is the one that completes it, everybody else completes something that is not there.
// What is completed goes onto an intrusive stack that the owner takes as a whole. Completing is lock-free and
// allocates nothing.
//
//     free ──acquire()──▶ pending ──complete()──▶ claimed ──take_all(), release()──▶ free
//     owner's thread      any thread              owner's thread
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "storage/backend.hpp"
#include "storage/plugin/view.hpp"

namespace ringmx::storage::plugin {

struct Slot {
    std::atomic<std::uint64_t> state{0};  // life << 2 | phase
    std::uint64_t cookie = 0;             // the owner's
    MessageView view;                     // what the plugin reads

    // Written by whoever claimed the slot, read by the owner behind take_all().
    Slot* next = nullptr;
    StoreStatus status = StoreStatus::retry;
    std::uint32_t text_octets = 0;
    std::array<char, limits::completion_text_octets_max> text_memory;

    std::string_view text() const { return {text_memory.data(), text_octets}; }
};

class SlotTable {
 public:
    explicit SlotTable(std::uint32_t count);

    // --- the owner's thread ---
    std::uint32_t count() const { return count_; }
    std::uint32_t used() const { return count_ - static_cast<std::uint32_t>(free_.size()); }
    // A slot that waits for its completion, or null: all are used.
    Slot* acquire(std::uint64_t cookie);
    std::uint64_t token(const Slot& slot) const;
    // What was completed since the last call, oldest first, linked by `next`.
    Slot* take_all();
    void release(Slot& slot);
    // Completes every slot that still waits, and waits for completions that other threads are in the middle
    // of, so that take_all() then has every slot in use. Nothing is acquired any more.
    void complete_rest(StoreStatus status, std::string_view text);

    // --- any thread ---
    enum class Outcome : std::uint8_t {
        refused,  // there is no such submission, or it has been completed already
        first,    // the first since take_all(): the owner may have to be woken
        further,  // one more
    };
    // Keeps at most limits::completion_text_octets_max octets of `text`.
    Outcome complete(std::uint64_t token, StoreStatus status, std::string_view text);

 private:
    Slot* take_newly_completed();

    const std::uint32_t count_;
    std::unique_ptr<Slot[]> slots_;
    std::vector<std::uint32_t> free_;
    std::atomic<Slot*> completed_{nullptr};
    Slot* settled_ = nullptr;  // what complete_rest() has taken
};

}  // namespace ringmx::storage::plugin
