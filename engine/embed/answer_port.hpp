// Where the answers of a program's threads wait for their core: behind Ticket of ringmx/engine.hpp. One for
// each core; tickets share it, and may outlive the core and the engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/reply.hpp"
#include "policy/policy.hpp"
#include "ringmx/engine.hpp"

namespace ringmx::embed::detail {

// The engine's form of a decision. Its text is that of `decision`, which must outlive it.
ringmx::Decision to_engine(const Decision& decision);

class AnswerPort {
 public:
    // --- the core's thread ---
    void attach(policy::Answers& answers);
    void detach();   // answers do nothing from here on
    void collect();  // passes on what has come since the last call

    // --- any thread ---
    void answer(const policy::Ticket& to, Decision decision);

 private:
    struct Pending {
        policy::Ticket to;
        Decision decision;
    };

    std::vector<Pending> given_;  // the core's: texts of the last collect()
    std::atomic<bool> has_pending_{false};
    std::mutex mutex_;  // guards what follows
    policy::Answers* answers_ = nullptr;
    std::vector<Pending> pending_;
};

struct TicketMaker {
    static Ticket make(const std::shared_ptr<AnswerPort>& port, const policy::Ticket& question) {
        Ticket ticket;
        ticket.port_ = port;
        ticket.slot_ = question.slot;
        ticket.generation_ = question.generation;
        ticket.sequence_ = question.sequence;
        return ticket;
    }
};

}  // namespace ringmx::embed::detail
