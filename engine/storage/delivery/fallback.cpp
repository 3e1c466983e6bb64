#include "storage/delivery/fallback.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "storage/answer_text.hpp"

namespace ringmx::storage::delivery {
namespace {

constexpr std::string_view kRefused = "the storage backend has refused the message";

void add(std::atomic<std::uint64_t>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<FallbackBackend>> FallbackBackend::open(
    const FallbackOptions& options, ring::Ring& ring, StoreSink& sink, const MakeTarget& make_target,
    const MakeSpool& make_spool, LateAnswers& late, Delivery::Source* spilled, FallbackCounters& counters) {
    std::unique_ptr<FallbackBackend> made(new FallbackBackend(options, ring, sink, late, spilled, counters));
    if (made->event_.get() < 0) return system_error(errno, "an eventfd for a fallback");
    auto target = make_target([event = &made->event_] { event->signal(); });
    if (!target) return target.error();
    made->target_ = std::move(*target);
    auto spool = make_spool(*made);
    if (!spool) {
        made->target_->close();
        return spool.error();
    }
    made->spool_ = std::move(*spool);
    return made;
}

FallbackBackend::FallbackBackend(const FallbackOptions& options, ring::Ring& ring, StoreSink& sink,
                                 LateAnswers& late, Delivery::Source* spilled, FallbackCounters& counters)
    : options_(options),
      sink_(sink),
      late_(late),
      spilled_source_(spilled),
      shared_(counters),
      port_(ring, event_, false),
      breaker_(options.probe) {}

FallbackBackend::~FallbackBackend() = default;

BackendTraits FallbackBackend::traits() const {
    return {.name = target_->name(),
            .durability = std::min(target_->durability(), spool_->traits().durability),
            .streams = false,
            .blocking = true};
}

// --- in
// ----------------------------------------------------------------------------------------------------------

void FallbackBackend::submit(std::span<const StoreRequest> batch) {
    now_ns_ = read_clock().mono_ns;
    for (const StoreRequest& request : batch) {
        RMX_ASSERT(request.op != StoreOp::part);  // traits().streams is false
        if (request.op == StoreOp::abort) {
            sink_.message_done(request.message, StoreStatus::aborted, {});
            continue;
        }
        ++outstanding_;
        take(*request.message);
    }
}

void FallbackBackend::take(Message& message) {
    if (try_target(message)) return;
    add(shared_.passed_by);
    spill(message);
}

bool FallbackBackend::try_target(Message& message) {
    const std::uint64_t octets = message.total_bytes();
    const bool fits = trials_.empty() || (trials_.size() < limits::fallback_in_flight_max &&
                                          window_octets_ + octets <= options_.window_bytes);
    if (!fits || message.part_failed || !breaker_.allows(now_ns_)) return false;
    const Token token = next_token_++;
    Trial& trial = trials_[token];
    trial.id = message.id;
    trial.octets = octets;
    trial.envelope_bytes = message.envelope_bytes;
    trial.deadline_ns = now_ns_ + options_.after_ns;
    trial.place = deadlines_.insert(deadlines_.end(), token);
    trial.message = &message;
    trial.bytes = std::make_unique_for_overwrite<std::byte[]>(octets);
    std::uint64_t filled = 0;
    for (const Chunk* chunk = message.first; chunk != nullptr; chunk = chunk->next) {
        const Bytes payload = chunk->payload();
        if (payload.empty()) continue;
        RMX_ASSERT(filled + payload.size() <= octets);
        std::memcpy(trial.bytes.get() + filled, payload.data(), payload.size());
        filled += payload.size();
    }
    RMX_ASSERT(filled == octets);
    window_octets_ += octets;
    gathered_.push_back(token);
    return true;
}

void FallbackBackend::submit_gathered() {
    if (gathered_.empty()) return;
    std::vector<Token> tokens;
    tokens.swap(gathered_);
    std::vector<Bytes> contents(tokens.size());
    std::vector<plugin::Submission> batch;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const Trial& trial = trials_.at(tokens[i]);
        const Bytes whole{trial.bytes.get(), trial.octets};
        contents[i] = whole.subspan(trial.envelope_bytes);
        batch.push_back({trial.id, whole.first(trial.envelope_bytes), {&contents[i], 1}, tokens[i]});
    }
    const std::size_t taken = target_->submit(batch);
    for (std::size_t i = taken; i < tokens.size(); ++i) {  // it has no room
        Message& message = *trials_.at(tokens[i]).message;
        forget(tokens[i]);
        breaker_.abandoned();
        add(shared_.passed_by);
        spill(message);
    }
}

// The message itself goes to the spool; a copy may still be with the target.
void FallbackBackend::spill(Message& message) {
    add(shared_.spilled);
    const StoreRequest request{StoreOp::commit, &message, nullptr};
    spool_->submit({&request, 1});
}

void FallbackBackend::flush() {
    now_ns_ = read_clock().mono_ns;
    take_answers();
    submit_gathered();
    target_->flush();
    take_answers();  // of what was answered at once
    check_deadlines();
    spool_->flush();
    shared_.tried.store(trials_.size(), std::memory_order_relaxed);
    shared_.away.store(!breaker_.closed(), std::memory_order_relaxed);
}

void FallbackBackend::tick(Now now) {
    now_ns_ = now.mono_ns;
    target_->tick();
    spool_->tick(now);
    flush();
    const BackendCounters& spool = spool_->counters();
    counters_.batches = spool.batches;
    counters_.io_errors = spool.io_errors;
    counters_.bytes_free = spool.bytes_free;
    counters_.segments = spool.segments;
}

// --- the target's answers
// ------------------------------------------------------------------------------------------

void FallbackBackend::take_answers() {
    target_->take([this](const plugin::Completion& answer) { answered(answer); });
}

void FallbackBackend::answered(const plugin::Completion& answer) {
    const auto found = trials_.find(answer.cookie);
    if (found == trials_.end()) return;
    Trial& trial = found->second;
    if (trial.spilled) return answered_late(answer.cookie, trial, answer.status);
    Message& message = *trial.message;
    forget(answer.cookie);
    switch (answer.status) {
        case StoreStatus::stored:
            breaker_.succeeded();
            report(message, StoreStatus::stored, {}, true);
            return;
        case StoreStatus::reject:
            breaker_.succeeded();
            report(message, StoreStatus::reject,
                   answer.text.empty() ? kRefused : keep_text(message, answer.text), true);
            return;
        default:
            breaker_.failed(now_ns_, random_());
            spill(message);
            return;
    }
}

// The message is with the spool, or was answered by it. Says nothing about how the target fares now.
void FallbackBackend::answered_late(Token token, Trial& trial, StoreStatus status) {
    const bool kept = status == StoreStatus::stored;
    if (trial.message != nullptr) {
        in_spool_[trial.message] = {0, kept};
    } else if (kept) {
        late_.note(trial.id);
    }
    forget(token);
}

void FallbackBackend::check_deadlines() {
    while (!deadlines_.empty()) {
        const Token token = deadlines_.front();
        Trial& trial = trials_.at(token);
        if (trial.deadline_ns > now_ns_) return;
        deadlines_.pop_front();
        trial.spilled = true;
        in_spool_[trial.message] = {token, false};
        breaker_.failed(now_ns_, random_());
        add(shared_.slow);
        spill(*trial.message);
    }
}

void FallbackBackend::forget(Token token) {
    const auto found = trials_.find(token);
    window_octets_ -= found->second.octets;
    if (!found->second.spilled) deadlines_.erase(found->second.place);
    trials_.erase(found);
}

// --- the spool's answers
// ------------------------------------------------------------------------------------------

void FallbackBackend::part_done(Message*, Chunk*, StoreStatus) {
    constexpr bool messages_are_whole = false;
    RMX_ASSERT(messages_are_whole);
}

void FallbackBackend::message_done(Message* message, StoreStatus status, std::string_view text) {
    bool kept = false;
    if (const auto found = in_spool_.find(message); found != in_spool_.end()) {
        kept = found->second.kept;
        if (found->second.token != 0) trials_.at(found->second.token).message = nullptr;
        in_spool_.erase(found);
    }
    if (status == StoreStatus::stored) {
        if (kept) late_.note(message->id);
        if (spilled_source_ != nullptr) spilled_source_->stored();
    }
    if (kept) {
        report(*message, StoreStatus::stored, {}, true);
    } else {
        report(*message, status, text, false);
    }
}

void FallbackBackend::report(Message& message, StoreStatus status, std::string_view text, bool by_target) {
    RMX_ASSERT(outstanding_ > 0);
    --outstanding_;
    if (status == StoreStatus::stored) {
        ++counters_.messages_stored;
        counters_.bytes_stored += message.total_bytes();
        message.stored_by = by_target ? target_->name() : spool_->traits().name;
        message.stored_durability =
            to_string(by_target ? target_->durability() : spool_->traits().durability);
    } else {
        ++counters_.messages_failed;
    }
    sink_.message_done(&message, status, text);
}

// --- the end
// ----------------------------------------------------------------------------------------------------------

// What the target has not answered goes to the spool, which answers in its own time.
void FallbackBackend::give_up() {
    target_->close();
    flush();
}

void FallbackBackend::close() {
    RMX_ASSERT(outstanding_ == 0);
    target_->close();
    take_answers();
    spool_->close();
}

}  // namespace ringmx::storage::delivery
