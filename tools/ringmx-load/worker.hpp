// One thread of the load: its ring, its connections, its part of the rate.
//
// A turn of the loop enters the kernel once: it hands over all writes of the turn and waits for completions.
// Times: one clock reading right behind the wait is the arrival of everything that the turn reaps (it had
// arrived by then), one right before it is the moment of all writes (they have not left by then). So waiting
// in the generator is part of every latency, and no latency is too small.
//
// The loop allocates nothing for a message; connections and disturbing clients may.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/ring.hpp"
#include "ring/timer_wheel.hpp"
#include "run.hpp"
#include "schedule.hpp"
#include "stats.hpp"
#include "thread_clock.hpp"

namespace ringmx::load {

class Worker {
 public:
    // `kinds`: one connection each. `number` of `threads`.
    Worker(Shared& shared, std::uint32_t number, std::uint32_t threads, std::vector<Kind> kinds);

    // The whole run, on the thread that calls it. What goes wrong is in Shared::error.
    void run();

    const Live& live() const { return live_; }
    // After run().
    const Counters& counters() const { return counters_; }
    const Phases& phases() const { return phases_; }
    const ThreadTime& used() const { return used_; }  // within the window
    std::int64_t window_end_ns() const { return window_end_ns_; }
    std::uint64_t enters() const { return enters_; }
    const std::string& tls_parameters() const { return tls_parameters_; }  // of a handshake; empty: none
    const std::string& tls_error() const { return tls_error_; }            // the first; empty: none

 private:
    enum Op : std::uint8_t { op_connect, op_receive, op_send, op_tls_send, op_cancel };

    // worker.cpp: the loop
    Status set_up();
    bool open_connections();
    bool wait_for_start();
    void begin_load();
    void load_loop();
    void drain_over();
    void say_goodbye();
    void turn(std::int64_t until_ns);
    void on_completion(const io_uring_cqe& cqe);
    void on_timer(std::uint32_t slot);
    void start_due();
    void begin_window();
    void end_window();
    void end_second();
    bool more_to_come() const;
    bool out_of_reach() const;
    void stamp_writes();
    io_uring_sqe* request();
    std::uint64_t tag(Op op, std::uint32_t slot) const;
    std::int64_t timeout_ns() const { return static_cast<std::int64_t>(options_.timeout_s * 1e9); }

    // worker_connection.cpp: the life of a connection
    void open(std::uint32_t slot);
    int make_socket(std::uint32_t slot, Failure& failure);
    void on_connect(std::uint32_t slot, int result);
    void arm_receive(std::uint32_t slot);
    void on_receive(std::uint32_t slot, const io_uring_cqe& cqe);
    void on_octets(std::uint32_t slot, std::string_view octets);
    void on_reply(std::uint32_t slot, const Reply& reply);
    void on_end(std::uint32_t slot, int result);
    void ready(std::uint32_t slot);
    void quit(std::uint32_t slot);
    void fail(std::uint32_t slot, Failure failure);
    void close_after_last_request(std::uint32_t slot);
    void request_over(std::uint32_t slot);
    void closed(std::uint32_t slot);
    void pause(std::uint32_t slot, std::int64_t until_ns);
    void touch(std::uint32_t slot);
    void wake_at(std::uint32_t slot, std::int64_t time_ns);
    void count_failure(Failure failure);

    // worker_message.cpp: a message, reply by reply
    bool may_begin();
    void work_or_idle(std::uint32_t slot);
    void work_or_free(std::uint32_t slot);
    void assign(std::uint32_t slot, std::int64_t due_ns);
    void start_message(std::uint32_t slot);
    void on_message_reply(std::uint32_t slot, const Reply& reply);
    void on_envelope_reply(std::uint32_t slot, std::uint32_t number, bool accepted);
    void on_data_reply(std::uint32_t slot, std::uint16_t code);
    void on_final_reply(std::uint32_t slot, const Reply& reply);
    void acknowledged(std::uint32_t slot, const Reply& reply);
    void rejected(std::uint32_t slot);
    void lost(std::uint32_t slot);
    void message_over(std::uint32_t slot, bool reset_first);
    void append_ack(std::uint32_t slot, const Reply& reply);
    void write(std::uint32_t slot, std::string_view octets);
    void write_mail(std::uint32_t slot);

    // worker_tls.cpp: what goes through TLS
    void begin_handshake(std::uint32_t slot);
    void handshake_over(std::uint32_t slot);
    void on_tls_octets(std::uint32_t slot, std::string_view octets);
    void on_tls_failure(std::uint32_t slot);
    void on_tls_sent(std::uint32_t slot, int result);
    void tls_write(std::uint32_t slot, std::string_view octets, std::string_view then = {});
    void tls_end(std::uint32_t slot, bool shut_down = false);
    void encrypt_more(std::uint32_t slot, std::size_t flight_octets);
    void send_records(std::uint32_t slot);

    // worker_hard.cpp: slow, stalled, resetting, half-closing
    bool is_hard(const Client& client) const { return client.kind >= Kind::slow; }
    HardCounters& hard_counters(const Client& client) {
        return counters_.hard[static_cast<std::size_t>(client.kind)];
    }
    void hard_write(std::uint32_t slot, std::string_view octets);
    void hard_write_mail(std::uint32_t slot);
    void hard_write_more(std::uint32_t slot, bool shut_down = false);  // for writing, behind the piece
    void hard_wait(std::uint32_t slot, std::size_t count);
    void hard_message_over(std::uint32_t slot);
    bool resets_here(std::uint32_t slot, std::uint32_t turn);
    void reset_connection(std::uint32_t slot);
    std::string whole_mail(std::uint32_t slot);

    Shared& shared_;
    const Options& options_;
    const Plan& plan_;
    const std::uint32_t number_;
    const std::uint32_t threads_;

    std::unique_ptr<TlsContext> tls_context_;
    std::vector<TlsClient> tls_;        // as many as clients, or none; outlives the ring, which sends from it
    std::unique_ptr<char[]> tls_text_;  // decrypted octets, of one record
    std::string tls_joined_;            // what is encrypted as one record
    std::string tls_parameters_;
    std::string tls_error_;

    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<ring::BufferRing> buffers_;
    std::unique_ptr<ring::TimerWheel> timers_;
    std::optional<Schedule> schedule_;  // open loop

    std::vector<Client> clients_;
    std::vector<HardClient> hard_;  // as many as clients when there is any such kind, else none
    std::vector<Tail> tails_;       // unique mails: of each client
    std::vector<struct msghdr> headers_;
    std::vector<struct iovec> pieces_;  // two for each client
    std::vector<SlotLink> links_;
    SlotList idle_{links_};               // connected, without work
    SlotList free_{links_};               // closed, without work
    std::vector<std::uint32_t> written_;  // clients that wrote in this turn
    std::string ack_text_;

    std::int64_t now_ns_ = 0;
    std::int64_t end_ns_ = 0;  // no message begins from here on
    std::int64_t window_end_ns_ = 0;
    std::int64_t second_end_ns_ = 0;
    std::int64_t last_connect_ns_ = 0;  // that succeeded
    bool running_ = false;              // the load has begun
    bool recording_ = true;             // setting up connections before the load, and the window
    bool in_window_ = false;
    bool leaving_ = false;    // nothing is opened any more
    bool exhausted_ = false;  // all of options.messages have begun
    std::uint32_t busy_ = 0;  // normal messages under way, assigned ones included
    std::uint32_t open_ = 0;  // slots that are neither closed nor paused
    std::uint32_t opening_ = 0;
    std::uint64_t connects_failed_ = 0;  // since one succeeded
    std::size_t order_at_ = 0;
    std::uint64_t unique_number_ = 0;
    std::uint64_t enters_ = 0;

    Counters counters_;
    Phases phases_;
    Second second_;
    Live live_;
    ThreadTime used_;
    ThreadTime used_before_;
};

}  // namespace ringmx::load
