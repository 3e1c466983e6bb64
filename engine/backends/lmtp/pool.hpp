// The backend's thread: a queue of messages and the connections that carry them, one message at a time each.
//
// - A message goes to an idle connection; if there is none, one is opened, up to `connections`.
// - A connection that fails before anything of the content was sent, and that had served before, was most
// likely
//   closed by the server while idle: its message goes back to the front of the queue, once.
// - After a failed attempt to connect, none is made for a while (100 ms, doubled up to 10 s). While there is
// no
//   connection at all, messages are completed with retry at once; waiting is the business of who submits
//   them.
// - A message that waits for a connection for longer than command_timeout is completed with retry, too.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "common/inbox.hpp"
#include "lmtp/connection.hpp"
#include "lmtp/ledger.hpp"
#include "lmtp/verdict.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::lmtp {

struct PoolOptions {
    ConnectionOptions connection;
    std::size_t connections = 4;
    std::size_t remembered = Ledger::messages_max_default;  // messages in the ledger
    std::int64_t close_grace_ns = 5'000'000'000;            // for transactions when the pool ends
};

class Pool {
 public:
    Pool(plugin::Host host, PoolOptions options);
    ~Pool();  // stop()
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // The owner's thread.
    void submit(std::span<const plugin::Message> messages);
    // Waits for the transactions that run, at most close_grace; completes everything else with retry.
    void stop();

 private:
    struct Job {
        plugin::Message message;
        Id id{};
        std::vector<RecipientResult> results;  // of every recipient
        std::int64_t queued_ns = 0;
    };
    struct Slot {
        explicit Slot(const ConnectionOptions& options) : connection(options) {}
        Connection connection;
        std::unique_ptr<Job> job;
        std::vector<std::uint32_t> sent;  // the recipients of the transaction that runs
        bool announced = false;           // that the connection serves
    };
    struct Counters {
        explicit Counters(const plugin::Host& host);
        ringmx_counter* delivered;
        ringmx_counter* refused;
        ringmx_counter* deferred;
        ringmx_counter* stored_in_part;
        ringmx_counter* connections;
        ringmx_counter* connection_failures;
        ringmx_counter* redone;
        ringmx_counter* forgotten;
    };

    void loop();
    void take_inbox();
    void wait();
    void dispatch();
    bool assign_to_idle();
    bool open_another();
    void give_up_queue(std::string_view why);
    void expire_queue();
    void begin(Slot& slot);
    void look_after(Slot& slot);
    void end_transaction(Slot& slot);
    void on_serving(Slot& slot);
    void on_closed(Slot& slot);
    std::unique_ptr<Job> job_of(const plugin::Message& message) const;
    static std::vector<std::uint32_t> unsettled(const Job& job);
    void complete(Job& job);
    void remember(const Job& job);
    void log_refused(const Job& job);
    bool busy() const;
    std::int64_t now() const { return host_.monotonic_ns(); }
    void wake();

    const plugin::Host host_;
    const PoolOptions options_;
    const Counters counters_;
    const std::shared_ptr<Ledger> ledger_;
    backends::Inbox inbox_;
    std::atomic<bool> stopping_{false};
    int wake_fd_ = -1;

    // The thread's own.
    std::deque<std::unique_ptr<Job>> queue_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<pollfd> polled_;
    std::int64_t connect_after_ns_ = 0;
    std::int64_t backoff_ns_ = 0;  // 0: the last attempt succeeded
    std::string last_failure_;

    std::thread thread_;
};

}  // namespace ringmx::lmtp
