// LateAnswers: ids of messages that a backend has kept after all, when their copies in the spool had already
// been acknowledged: the fallback notes them, the delivery need not send those copies. Bounded: the oldest is
// forgotten, and then its copy is sent again, with the same id. Any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <set>

#include "base/limits.hpp"
#include "base/message_id.hpp"

namespace ringmx::storage::delivery {

class LateAnswers {
 public:
    explicit LateAnswers(std::size_t most = limits::late_answers_max) : most_(most) {}

    void note(const MessageId& id) {
        const std::lock_guard lock(mutex_);
        if (!ids_.insert(id).second) return;
        order_.push_back(id);
        if (order_.size() <= most_) return;
        ids_.erase(order_.front());
        order_.pop_front();
    }
    // Whether the id was noted. It stays noted until it is pushed out: an id comes once.
    bool has(const MessageId& id) const {
        const std::lock_guard lock(mutex_);
        return ids_.contains(id);
    }

 private:
    const std::size_t most_;
    mutable std::mutex mutex_;
    std::set<MessageId> ids_;
    std::deque<MessageId> order_;
};

}  // namespace ringmx::storage::delivery
