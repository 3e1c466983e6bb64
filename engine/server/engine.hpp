// Engine: the server's life cycle. start() checks the kernel, loads tables, opens storage and binds every
// listener; from then on one thread per core serves. Stop drains: no new connections, mail data in progress
// finishes, the others get 421, a deadline (server.shutdown_grace) ends it.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "config/config.hpp"

namespace ringmx::server {

// Error.code of what start() can fail with beside a plain errno; programs map them to exit codes.
namespace start_error {
constexpr int io_uring_refused = 10001;
constexpr int address_in_use = 10002;
constexpr int storage_locked = 10003;
constexpr int no_direct_io = 10004;
constexpr int bad_config = 10005;  // values that only a start can check: recipients file, durability, memory
constexpr int storage_failed = 10006;
}  // namespace start_error

class Engine {
 public:
    // Blocks until every core listens, or returns why not, with everything undone. One engine per process.
    static Result<std::unique_ptr<Engine>> start(const config::Config& config);
    ~Engine();  // request_stop and wait
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    void request_stop();  // begins the drain; async-signal-safe; any thread
    void reopen_log();    // after log rotation; async-signal-safe
    void wait();          // until the drain has ended and every thread is joined
    // After wait(): 0 when the drain was clean, else the number of connections and messages that its deadline
    // cut off.
    int cut_off() const;
    // Counters as one JSON object. Any thread.
    std::string status_json() const;

 private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ringmx::server
