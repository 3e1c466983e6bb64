// How a thread that looks at a queue goes to sleep without missing what is published meanwhile, and how the
// publisher wakes it at most once.
//
//     consumer: announce(); look again; sleep only if there is nothing; awake()
//     producer: publish;    if (claim_wake()) send one wake-up
//
// Why nothing is lost: announce() and claim_wake() are read-modify-writes of one atomic, so one comes before
// the other. If the claim is first, the announcement reads what it (or a later claim) wrote, and what was
// published before it is seen by the second look. If the announcement is first, the claim finds the flag set
// and wakes. A plain store and load in their place could both miss each other (each waits in its processor's
// store buffer), and even awake() must be a read-modify-write: a plain store would cut the chain from a claim
// to the next announcement. No fences are needed, so ThreadSanitizer sees the protocol as it is.
// tests/unit/storage/wake_model_test.cpp checks every interleaving.
//
// One consumer; any number of producers, each with a queue of its own.
#pragma once

#include <atomic>

namespace ringmx::storage {

class SleepFlag {
 public:
    // Consumer.
    void announce() { sleeping_.exchange(true, std::memory_order_acq_rel); }
    void awake() { sleeping_.exchange(false, std::memory_order_acq_rel); }
    // Producer, after publishing. True: the consumer sleeps, or is about to, and this caller must wake it.
    bool claim_wake() { return sleeping_.exchange(false, std::memory_order_acq_rel); }

 private:
    std::atomic<bool> sleeping_{false};
};

}  // namespace ringmx::storage
