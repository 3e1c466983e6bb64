// FallbackBackend: a backend of two: messages go to a target, and to the spool when the target does not keep
// them: it answers retry, is slower than after_ns, has no room, or is away (breaker.hpp). What the spool
// keeps is acknowledged with the spool's durability, and a Delivery takes it to the target later.
//
// A message that is tried is copied first, into a window of bounded size: the target may hold it for as long
// as it likes, while the message itself goes to the spool, is answered, and returns to its core. What does
// not fit into the window goes to the spool at once.
//
// | a message is | target: stored       | target: retry | target: reject | the time is up | spool answers |
// | tried        | 250, by the target   | spilled       | 554            | spilled        | | | spilled |
// noted (late_answers) | forgotten     | forgotten      |                | 250 or 4xx, by the spool | If the
// target has stored a spilled message before the spool fails, it is a 250 by the target. One thread: that of
// its ring.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/event_fd.hpp"
#include "ring/ring.hpp"
#include "storage/backend.hpp"
#include "storage/delivery/breaker.hpp"
#include "storage/delivery/delivery.hpp"
#include "storage/delivery/late_answers.hpp"
#include "storage/delivery/target.hpp"
#include "storage/wake_port.hpp"

namespace ringmx::storage::delivery {

struct FallbackOptions {
    std::int64_t after_ns = 0;       // how long the target may take
    std::uint64_t window_bytes = 0;  // of messages being tried
    Backoff probe;                   // between attempts at a target that is away
};

// Written by the backend's thread; read by any.
struct FallbackCounters {
    std::atomic<std::uint64_t> spilled{0};    // messages given to the spool
    std::atomic<std::uint64_t> slow{0};       // of these, because the target took too long
    std::atomic<std::uint64_t> passed_by{0};  // of these, because it was away or the window full
    std::atomic<std::uint64_t> tried{0};      // in the window now
    std::atomic<bool> away{false};
};

class FallbackBackend final : public Backend, private StoreSink {
 public:
    using MakeSpool = std::function<Result<std::unique_ptr<Backend>>(StoreSink& sink)>;

    // `spilled` is told of what the spool keeps (null: nobody is); `late` gets what the target kept too late.
    static Result<std::unique_ptr<FallbackBackend>> open(const FallbackOptions& options, ring::Ring& ring,
                                                         StoreSink& sink, const MakeTarget& make_target,
                                                         const MakeSpool& make_spool, LateAnswers& late,
                                                         Delivery::Source* spilled,
                                                         FallbackCounters& counters);
    ~FallbackBackend() override;
    FallbackBackend(const FallbackBackend&) = delete;
    FallbackBackend& operator=(const FallbackBackend&) = delete;

    BackendTraits traits() const override;
    void submit(std::span<const StoreRequest> batch) override;
    void flush() override;
    void tick(Now now) override;
    bool accepting() const override { return breaker_.closed() || spool_->accepting(); }
    void give_up() override;
    void close() override;
    std::uint64_t outstanding() const override { return outstanding_; }
    const BackendCounters& counters() const override { return counters_; }

 private:
    using Token = std::uint64_t;
    using Deadlines = std::list<Token>;

    // A message's copy, from its submission to the target until the target's answer.
    struct Trial {
        MessageId id;
        std::unique_ptr<std::byte[]> bytes;
        std::uint32_t envelope_bytes = 0;
        std::uint64_t octets = 0;
        std::int64_t deadline_ns = 0;
        Deadlines::iterator place;   // while it is not spilled
        Message* message = nullptr;  // null: it is gone, the spool has answered
        bool spilled = false;
    };
    // A message that was tried and is with the spool now.
    struct Spilled {
        Token token = 0;    // 0: the target has answered
        bool kept = false;  // stored, that is
    };

    FallbackBackend(const FallbackOptions& options, ring::Ring& ring, StoreSink& sink, LateAnswers& late,
                    Delivery::Source* spilled, FallbackCounters& counters);

    void take(Message& message);
    bool try_target(Message& message);
    void submit_gathered();
    void take_answers();
    void answered(const plugin::Completion& answer);
    void answered_late(Token token, Trial& trial, StoreStatus status);
    void spill(Message& message);
    void check_deadlines();
    void forget(Token token);
    void report(Message& message, StoreStatus status, std::string_view text, bool by_target);
    void part_done(Message* message, Chunk* chunk, StoreStatus status) override;
    void message_done(Message* message, StoreStatus status, std::string_view text) override;

    const FallbackOptions options_;
    StoreSink& sink_;
    LateAnswers& late_;
    Delivery::Source* spilled_source_;
    FallbackCounters& shared_;
    EventFd event_;
    WakePort port_;
    std::unique_ptr<Target> target_;
    std::unique_ptr<Backend> spool_;
    Breaker breaker_;
    std::mt19937_64 random_{std::random_device{}()};
    std::int64_t now_ns_ = 0;

    std::unordered_map<Token, Trial> trials_;
    Deadlines deadlines_;          // of the trials that are not spilled, the first one first
    std::vector<Token> gathered_;  // to be submitted with the next flush
    std::unordered_map<Message*, Spilled> in_spool_;
    std::uint64_t window_octets_ = 0;
    Token next_token_ = 1;
    std::uint64_t outstanding_ = 0;
    BackendCounters counters_;
};

}  // namespace ringmx::storage::delivery
