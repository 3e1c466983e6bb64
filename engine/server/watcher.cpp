#include "server/watcher.hpp"

#include <utility>

#include <pthread.h>

namespace ringmx::server {

void Watcher::start(Time first, Look look) {
    thread_ = std::thread([this, first, look = std::move(look)] { run(first, look); });
}

void Watcher::ask() {
    {
        const std::lock_guard lock(mutex_);
        asked_ = true;
    }
    wake_.notify_one();
}

void Watcher::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Watcher::run(Time due, const Look& look) {
    pthread_setname_np(pthread_self(), name_);
    for (;;) {
        bool asked = false;
        {
            std::unique_lock lock(mutex_);
            wake_.wait_until(lock, due, [this] { return stopping_ || asked_; });
            if (stopping_) return;
            asked = std::exchange(asked_, false);
        }
        due = look(asked);
    }
}

}  // namespace ringmx::server
