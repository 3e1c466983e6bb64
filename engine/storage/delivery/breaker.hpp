// Breaker: whether a backend that has failed is asked at all. After kFailures failures in a row it opens, and
// everything goes past the backend; from time to time one message is let through to see whether it is back.
//
// | state     | a message is tried      | success | failure                             |
// | closed    | yes                     | closed  | counts; the last one opens it       |
// | open      | once the pause is over  | closed  | open (of what was still under way)  |
// | half open | no: one is on its way   | closed  | open, with a pause twice as long    |
//
// One thread; no clock of its own.
#pragma once

#include <cstdint>

#include "storage/delivery/backoff.hpp"

namespace ringmx::storage::delivery {

class Breaker {
 public:
    static constexpr std::uint32_t kFailures = 3;

    explicit Breaker(Backoff pause) : pause_(pause) {}

    // Whether the next message is tried. If it is, succeeded(), failed() or abandoned() follows.
    bool allows(std::int64_t now_ns) {
        if (state_ == State::closed) return true;
        if (state_ == State::half_open || now_ns < probe_at_ns_) return false;
        state_ = State::half_open;
        return true;
    }
    void succeeded() {
        state_ = State::closed;
        failures_ = 0;
        opened_ = 0;
    }
    void failed(std::int64_t now_ns, std::uint64_t random) {
        if (state_ == State::open) return;
        if (state_ == State::closed && ++failures_ < kFailures) return;
        state_ = State::open;
        probe_at_ns_ = now_ns + pause_.delay_ns(++opened_, random);
    }
    // The message that was let through says nothing about the backend after all: let another one try.
    void abandoned() {
        if (state_ == State::half_open) state_ = State::open;
    }
    bool closed() const { return state_ == State::closed; }

 private:
    enum class State : std::uint8_t { closed, open, half_open };
    Backoff pause_;
    State state_ = State::closed;
    std::uint32_t failures_ = 0;  // in a row, while closed
    std::uint32_t opened_ = 0;    // in a row
    std::int64_t probe_at_ns_ = 0;
};

}  // namespace ringmx::storage::delivery
