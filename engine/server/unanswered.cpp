#include "server/unanswered.hpp"

#include <algorithm>

namespace ringmx::server {

void Unanswered::add(Message& message) {
    message.sent_before = newest_;
    (newest_ == nullptr ? oldest_ : newest_->sent_after) = &message;
    newest_ = &message;
}

void Unanswered::remove(Message& message) {
    if (message.sent_before == nullptr && oldest_ != &message) return;
    (message.sent_before == nullptr ? oldest_ : message.sent_before->sent_after) = message.sent_after;
    (message.sent_after == nullptr ? newest_ : message.sent_after->sent_before) = message.sent_before;
    message.sent_before = message.sent_after = nullptr;
}

std::int64_t Unanswered::oldest_age_ns(std::int64_t now_ns) const {
    return oldest_ == nullptr ? 0 : std::max<std::int64_t>(now_ns - oldest_->submitted_ns, 0);
}

}  // namespace ringmx::server
