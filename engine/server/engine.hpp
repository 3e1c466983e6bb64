// Engine: the server's life cycle. start() checks the kernel, loads tables, opens storage and binds every
// listener; from then on one thread per core serves. Stop drains: no new connections, mail data in progress
// finishes, the others get 421, a deadline (server.shutdown_grace) ends it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "policy/policy.hpp"
#include "server/confinement.hpp"
#include "server/listener.hpp"
#include "server/plugin_setup.hpp"

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

// What a program that embeds the engine brings along (embed/); all of it may be absent.
struct Parts {
    // Called once for each core at start, with the policy of the configuration; returns the one to ask.
    std::function<std::unique_ptr<policy::Policy>(unsigned core, std::unique_ptr<policy::Policy>)> policy;
    // Loaded in place of what storage.backend, which is `plugin`, names.
    std::optional<LinkedBackend> backend;
    // Listening sockets that the process was started with, in place of server.listen and server.listen_tls.
    // start() takes them over; where it fails, nobody is to use them any more.
    std::vector<PassedSocket> sockets;
    // Takes the log's lines in place of log.path; on the log's thread, also before start() returns.
    std::function<void(std::string_view)> log;
    // Outlives the engine.
    Confinement* confinement = nullptr;
};

class Engine {
 public:
    // Blocks until every core listens, or returns why not, with everything undone. There may be several
    // engines in a process, each with addresses and storage of its own; each counts the process itself in its
    // memory.
    static Result<std::unique_ptr<Engine>> start(const config::Config& config, Parts parts = {});
    ~Engine();  // request_stop and wait
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Begins the drain; async-signal-safe; any thread. `deadline_ns` (monotonic) replaces
    // server.shutdown_grace.
    void request_stop(std::int64_t deadline_ns = 0);
    void reopen_log();           // after log rotation; async-signal-safe
    void reload_certificates();  // soon, on a thread of its own; any thread
    void reload_recipients();    // the same for what accept.recipients names
    void reload();               // all three
    void wait();                 // until the drain has ended and every thread is joined
    // After wait(): 0 when the drain was clean, else the number of connections and messages that its deadline
    // cut off.
    int cut_off() const;
    // Counters as one JSON object. Any thread.
    std::string status_json() const;
    // The totals of status_json(), by name. Any thread.
    std::vector<std::pair<std::string, std::uint64_t>> counters() const;
    // What is bound, in the order of server.listen and then of server.listen_tls: "ADDRESS:PORT".
    const std::vector<std::string>& listening() const;
    // Of each core, how often its loop has turned: it does so several times a second, whatever there is to
    // do.
    std::vector<std::uint64_t> turns() const;

 private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ringmx::server
