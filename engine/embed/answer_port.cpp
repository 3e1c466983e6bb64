#include "embed/answer_port.hpp"

#include <charconv>
#include <string_view>
#include <utility>

namespace ringmx::embed {

namespace detail {

namespace {

constexpr Reply kRefused{550, {5, 7, 1}, "Refused"};
constexpr int kRefusalCodeMin = 400;
constexpr int kRefusalCodeMax = 599;

// "5.1.1"; what is not of that form, or of another class than the code, becomes none.
EnhancedStatus parse_status(std::string_view text, int code) {
    unsigned numbers[3] = {};
    const char* at = text.data();
    const char* const end = at + text.size();
    for (int i = 0; i < 3; ++i) {
        if (i > 0 && (at == end || *at++ != '.')) return {};
        const auto [stop, error] = std::from_chars(at, end, numbers[i]);
        if (error != std::errc{} || numbers[i] > 999) return {};  // RFC 3463 §2: at most three digits
        at = stop;
    }
    if (at != end || static_cast<int>(numbers[0]) != code / 100) return {};
    return {static_cast<std::uint8_t>(numbers[0]), static_cast<std::uint16_t>(numbers[1]),
            static_cast<std::uint16_t>(numbers[2])};
}

Reply to_reply(const Decision& decision) {
    Reply reply = kRefused;
    if (decision.code >= kRefusalCodeMin && decision.code <= kRefusalCodeMax) {
        reply.code = static_cast<std::uint16_t>(decision.code);
        reply.status = parse_status(decision.status, decision.code);
    }
    if (!decision.text.empty()) reply.text = decision.text;
    return reply;
}

}  // namespace

ringmx::Decision to_engine(const Decision& decision) {
    switch (decision.kind) {
        case Decision::Kind::accept:
            return ringmx::Decision::accept();
        case Decision::Kind::later:
            return ringmx::Decision::later();
        case Decision::Kind::disconnect:
            return ringmx::Decision::disconnect(to_reply(decision));
        case Decision::Kind::refuse:
            break;
    }
    return ringmx::Decision::reject(to_reply(decision));
}

void AnswerPort::attach(policy::Answers& answers) {
    const std::lock_guard lock(mutex_);
    answers_ = &answers;
}

void AnswerPort::detach() {
    const std::lock_guard lock(mutex_);
    answers_ = nullptr;
    pending_.clear();
}

void AnswerPort::answer(const policy::Ticket& to, Decision decision) {
    const std::lock_guard lock(mutex_);
    if (answers_ == nullptr) return;
    pending_.push_back({to, std::move(decision)});
    has_pending_.store(true, std::memory_order_relaxed);
    // One wake-up for all that wait. Under the lock, so that the core is still there.
    if (pending_.size() == 1) answers_->wake();
}

void AnswerPort::collect() {
    // An answer that is not seen here has its wake-up still to come.
    if (!has_pending_.load(std::memory_order_relaxed)) return;
    given_.clear();
    policy::Answers* answers = nullptr;
    {
        const std::lock_guard lock(mutex_);
        given_.swap(pending_);
        has_pending_.store(false, std::memory_order_relaxed);
        answers = answers_;
    }
    for (const Pending& one : given_)
        answers->answer(one.to, to_engine(one.decision));
}

}  // namespace detail

void Ticket::answer(Decision decision) const {
    if (port_ == nullptr || decision.kind == Decision::Kind::later) return;
    port_->answer({slot_, generation_, sequence_}, std::move(decision));
}

}  // namespace ringmx::embed
