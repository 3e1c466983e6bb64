// The way to a socketmap service: one thread for the engine, which the cores ask through bounded queues, and
// a few connections, each with one question at a time. Each question has its deadline; a service that is away
// is tried again with growing pauses, and meanwhile questions wait until their deadline.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "admin/counters.hpp"
#include "admin/log.hpp"
#include "base/peer.hpp"
#include "base/result.hpp"
#include "policy/policy.hpp"
#include "recipients/socketmap_protocol.hpp"
#include "recipients/socketmap_question.hpp"
#include "storage/event_fd.hpp"
#include "storage/sleep_flag.hpp"
#include "storage/spsc_queue.hpp"

namespace ringmx::recipients {

struct SocketmapOptions {
    std::string path;     // of a Unix socket; empty: `address`
    PeerAddress address;  // with its port
    std::string map;      // NAME of the protocol
    unsigned cores = 1;
    unsigned connections = 4;
    std::uint32_t questions_max = 256;  // under way, per core
};

class SocketmapService {
 public:
    // Starts the thread. It counts into `counters`; both outlive the object.
    static Result<std::unique_ptr<SocketmapService>> start(const SocketmapOptions& options,
                                                           admin::CoreCounters& counters, admin::Log& log);
    ~SocketmapService();  // the cores must have ended, or be detached
    SocketmapService(const SocketmapService&) = delete;
    SocketmapService& operator=(const SocketmapService&) = delete;

    // --- a core's thread ---
    void attach(unsigned core, policy::Answers& answers);
    void detach(unsigned core);
    // Never more than questions_max that have not been answered.
    void ask(unsigned core, const SocketmapQuestion& question);
    // Takes answers, as many as there is room for; returns how many.
    std::size_t collect(unsigned core, std::span<SocketmapQuestion> answers);
    std::uint32_t questions_max() const { return options_.questions_max; }

    // --- any thread ---
    // What was said before is not to be relied upon: the cores forget it.
    void forget() { generation_.fetch_add(1, std::memory_order_release); }
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
    // Between the thread and one core.
    struct Port {
        explicit Port(std::uint32_t entries) : questions(entries), answers(entries) {}
        storage::SpscQueue<SocketmapQuestion> questions;
        storage::SpscQueue<SocketmapQuestion> answers;
        std::mutex mutex;  // guards `waker`; the core takes it at its start and at its end
        policy::Answers* waker = nullptr;
    };
    struct Waiting {
        SocketmapQuestion question;
        unsigned core = 0;
    };
    struct Link {
        enum class State : std::uint8_t { closed, connecting, idle, asking };
        State state = State::closed;
        int fd = -1;
        bool proven = false;           // has brought an answer
        std::int64_t deadline_ns = 0;  // of the connection, while it is made
        Waiting now;
        SocketmapQuestion::Key key = SocketmapQuestion::address;
        std::string out;
        std::size_t sent = 0;
        SocketmapReply reply;
    };

    SocketmapService(const SocketmapOptions& options, admin::CoreCounters& counters, admin::Log& log);

    // The thread's.
    void run();
    void take_questions();
    void expire(std::int64_t now_ns);
    void assign(std::int64_t now_ns);
    void publish();
    bool questions_wait() const;
    int wait_ms(std::int64_t now_ns) const;
    void serve(Link& link, short events, std::int64_t now_ns);
    bool connect(Link& link, std::int64_t now_ns);
    bool open_socket(Link& link) const;
    void begin(Link& link, Waiting&& waiting, std::int64_t now_ns);
    void send_question(Link& link, SocketmapQuestion::Key key, std::int64_t now_ns);
    void send_more(Link& link, std::int64_t now_ns);
    void receive(Link& link, std::int64_t now_ns);
    void answered(Link& link, std::int64_t now_ns);
    void lost(Link& link, std::int64_t now_ns, const std::string& why);
    void close(Link& link);
    void answer(Waiting& waiting, bool unavailable);
    void failed(std::int64_t now_ns, const std::string& why);
    void troubled(const std::string& why);
    void works();

    const SocketmapOptions options_;
    const std::string name_;  // for the log
    admin::CoreCounters& counters_;
    admin::Log& log_;
    std::vector<std::unique_ptr<Port>> ports_;
    storage::EventFd event_;
    storage::SleepFlag sleeping_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> generation_{0};

    std::deque<Waiting>
        waiting_;  // at most questions_max of each core, about in the order of their deadlines
    std::vector<Link> links_;
    std::vector<pollfd> polled_;
    std::int64_t retry_at_ns_ = 0;  // no connection is made before
    std::int64_t pause_ns_ = 0;
    bool in_trouble_ = false;  // and the log has been told
    std::int64_t tell_again_ns_ = 0;
    std::thread thread_;
};

}  // namespace ringmx::recipients
