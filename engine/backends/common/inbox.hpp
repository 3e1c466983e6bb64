// Messages on their way from the thread that calls submit() to the backend's own thread. put() takes a mutex
// that nobody holds for longer than it takes to move a vector, so that submit() does not block. Unbounded
// here: what is in flight is bounded by the owner of the instance.
#pragma once

#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "ringmx/backend.hpp"

namespace ringmx::backends {

class Inbox {
 public:
    // True: it was empty, so the other thread has to be woken.
    bool put(std::span<const plugin::Message> messages) {
        const std::lock_guard lock(mutex_);
        const bool was_empty = messages_.empty();
        messages_.insert(messages_.end(), messages.begin(), messages.end());
        return was_empty;
    }
    std::vector<plugin::Message> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(messages_, {});
    }

 private:
    std::mutex mutex_;
    std::vector<plugin::Message> messages_;
};

}  // namespace ringmx::backends
