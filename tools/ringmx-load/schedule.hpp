// When the messages of an open loop are due. The times follow from the rate alone, never from what the server
// does: a message whose time has come while every connection is busy waits, and its latency counts from then
// (no coordinated omission). One schedule for each thread, each with its part of the rate.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "options.hpp"

namespace ringmx::load {

class Schedule {
 public:
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    // `rate` messages a second from `start_ns` on, growing from 0 to it within `ramp_s`; none at or after
    // `end_ns`. `offset` (0 to 1) shifts even arrivals, so that threads take turns.
    Schedule(double rate, double ramp_s, Arrivals arrivals, std::uint64_t seed, double offset,
             std::int64_t start_ns, std::int64_t end_ns)
        : rate_(rate),
          ramp_s_(ramp_s),
          poisson_(arrivals == Arrivals::poisson),
          random_(seed),
          start_ns_(start_ns),
          end_ns_(end_ns),
          position_(poisson_ ? step() : offset) {
        settle();
    }

    // The time of the oldest message that has not been taken; kNever: there is none any more.
    std::int64_t next_ns() const { return next_ns_; }
    void take() {
        position_ += poisson_ ? step() : 1;
        settle();
    }
    // How many are due by `now_ns` and not taken. Takes them.
    std::uint64_t take_until(std::int64_t now_ns) {
        std::uint64_t count = 0;
        for (; next_ns_ <= now_ns && next_ns_ != kNever; ++count)
            take();
        return count;
    }

 private:
    double step() { return std::exponential_distribution<double>(1.0)(random_); }
    // The time at which `position_` messages have become due: the inverse of the rate's integral.
    void settle() {
        const double in_ramp = rate_ * ramp_s_ / 2;
        const double seconds = position_ < in_ramp ? std::sqrt(2 * position_ * ramp_s_ / rate_)
                                                   : ramp_s_ + (position_ - in_ramp) / rate_;
        const double ns = seconds * 1e9;
        next_ns_ = ns >= static_cast<double>(kNever - start_ns_) ? kNever
                                                                 : start_ns_ + static_cast<std::int64_t>(ns);
        if (next_ns_ >= end_ns_) next_ns_ = kNever;
    }

    double rate_;
    double ramp_s_;
    bool poisson_;
    std::mt19937_64 random_;
    std::int64_t start_ns_;
    std::int64_t end_ns_;
    double position_;  // messages due up to the next one
    std::int64_t next_ns_ = kNever;
};

}  // namespace ringmx::load
