// Deadlines for many connections at second granularity: a hashed wheel, one per core. Arming is lazy: an
// owner that moves its deadline later does nothing; when its slot comes up it says the new deadline and is
// put there again. So timers that never fire cost (almost) nothing. One thread, no allocation after
// construction.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ringmx::ring {

class TimerWheel {
 public:
    // Timers are named by ids 0..ids_max-1, each armed at most once. Granularity is `tick_ns`.
    TimerWheel(std::uint32_t ids_max, std::int64_t now_ns, std::int64_t tick_ns = 250'000'000);

    void arm(std::uint32_t id, std::int64_t deadline_ns);  // no effect if it is armed already
    void cancel(std::uint32_t id);
    bool armed(std::uint32_t id) const;

    // For every timer whose slot has come up: asks deadline = f(id). If that is still ahead, it is armed
    // again for then; if it has passed (<= now), f has dealt with it; f returns kDone to leave it unarmed.
    // Each id at most once a call.
    static constexpr std::int64_t kDone = 0;
    template <typename F>
    void advance(std::int64_t now_ns, F&& f);

    // When advance() next has something to do at the earliest; INT64_MAX when nothing is armed.
    std::int64_t next_ns() const;

 private:
    // The wheel and its limits: a timer lies in the slot of the first tick at or after its deadline, or, when
    // that is more than a revolution ahead, in the farthest slot, where it is asked again. So a slot holds
    // one tick's timers only.
    static constexpr std::uint32_t kSlots = 1024;
    static constexpr std::uint32_t kDue = kSlots;  // the list of those being asked
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    struct Entry {
        std::uint32_t next = kNone;
        std::uint32_t previous = kNone;
        std::uint32_t slot = kNone;  // kNone: not armed
    };
    void link(std::uint32_t id, std::int64_t deadline_ns);
    void insert(std::uint32_t id, std::uint32_t slot);
    void unlink(std::uint32_t id);
    // Moves the timers of all slots up to now's tick to the due list and the wheel to that tick.
    void gather(std::int64_t now_ns);

    std::vector<Entry> entries_;
    std::array<std::uint32_t, kSlots + 1> heads_;
    std::array<std::uint64_t, kSlots / 64> occupied_{};  // one bit a slot: not empty
    std::int64_t tick_ns_;
    std::int64_t current_tick_;
    std::uint32_t armed_count_ = 0;
};

template <typename F>
void TimerWheel::advance(std::int64_t now_ns, F&& f) {
    gather(now_ns);
    // f may arm and cancel any timer, those that are due included: the list is taken from its head, one by
    // one.
    while (heads_[kDue] != kNone) {
        const std::uint32_t id = heads_[kDue];
        unlink(id);
        const std::int64_t deadline = f(id);
        if (deadline != kDone && !armed(id)) link(id, deadline > now_ns ? deadline : now_ns + tick_ns_);
    }
}

}  // namespace ringmx::ring
