// A thread that looks when it is time, or at once when it is asked to: at files that may have changed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ringmx::server {

class Watcher {
 public:
    using Time = std::chrono::steady_clock::time_point;
    // One look, on the thread; `asked`: by ask(), since the look before. Returns when the next one is due.
    using Look = std::function<Time(bool asked)>;

    // `name` is the thread's, of at most 15 characters, and static.
    explicit Watcher(const char* name) : name_(name) {}
    ~Watcher() { stop(); }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // Once; the first look is due at `first`, or at once if ask() came before.
    void start(Time first, Look look);
    void ask();  // any thread
    // Waits for a look that is under way. Any thread but this one; also when it has not started.
    void stop();

 private:
    void run(Time due, const Look& look);

    const char* const name_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable wake_;
    bool asked_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace ringmx::server
