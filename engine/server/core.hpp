// Core: one thread, one ring, and everything a connection needs, shared with no other thread.
// docs/architecture.md has the picture; the numbered rules of the loop stand above Core::run.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <sys/socket.h>

#include "admin/core_log.hpp"
#include "admin/counters.hpp"
#include "base/clock.hpp"
#include "base/message_id.hpp"
#include "config/config.hpp"
#include "message/message.hpp"
#include "message/trace.hpp"
#include "policy/policy.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/ring.hpp"
#include "ring/timer_wheel.hpp"
#include "server/acceptor.hpp"
#include "server/admission_setup.hpp"
#include "server/connection.hpp"
#include "server/connection_table.hpp"
#include "server/storage_setup.hpp"
#include "server/tls_setup.hpp"
#include "server/unanswered.hpp"
#include "storage/host.hpp"

namespace ringmx::server {

// What a core is made of and with; the engine fills it in. References outlive the core.
struct CoreOptions {
    unsigned index = 0;
    int pin_to = -1;  // processor, or -1
    const config::Config& config;
    const smtp::SessionOptions& session;
    std::vector<int> listeners;
    std::size_t listeners_plain = SIZE_MAX;  // the first so many; on the others TLS comes first
    const ContextSlot* tls = nullptr;        // null: no TLS
    std::function<void()> stop_listening;    // closes them; called once no accept is armed any more
    std::uint32_t connections_max = 0;
    std::size_t slab_bytes = 0;
    admin::CoreCounters& counters;
    admin::CoreLog& log;
    std::unique_ptr<policy::Policy> policy;
    // Called on the core's thread, with its ring and itself as the sink.
    std::function<Result<CoreStorage>(ring::Ring&, storage::StoreSink&)> make_host;
    AdmissionSetup* admission = nullptr;  // null: nothing is limited
    bool receive_limit = false;           // KernelFeatures::receive_limit
    ring::RingOptions ring{};             // how long its queues are; the rest is for the core to say
};

class Core final : public storage::StoreSink, public policy::Answers {
 public:
    explicit Core(CoreOptions options);
    ~Core();

    // --- any thread ---
    // Begins the drain; async-signal-safe. `deadline_ns` (monotonic) ends it; 0: server.shutdown_grace after
    // now. Of several deadlines the earliest holds.
    void request_stop(std::int64_t deadline_ns = 0);
    int cut_off() const { return cut_off_; }  // after run(): what the drain's deadline left unfinished

    // --- the core's thread ---
    Status prepare();  // allocates everything; then run() serves until stopped
    void run();
    void release();  // frees what belongs to this thread: rings, buffers, the storage host

    // --- for the core's connections ---
    ring::Ring& ring() { return *ring_; }
    ring::BufferRing& buffers() { return *buffers_; }
    ring::TimerWheel& timers() { return *timers_; }
    SlabPool& slabs() { return *slabs_; }
    MessagePool& messages() { return *messages_; }
    policy::Policy& policy() { return *options_.policy; }
    admin::CoreCounters& counters() { return options_.counters; }
    admin::CoreLog& log() { return options_.log; }
    const config::Config& config() const { return options_.config; }
    const storage::BackendTraits& traits() const { return traits_; }
    unsigned index() const { return options_.index; }
    const Now& now() const { return now_; }
    std::string_view date() { return date_.format(now_.wall_us); }
    // As configured, whatever stress makes of it for others.
    const smtp::SessionOptions& calm_session() const { return options_.session; }
    std::string_view hostname() const { return options_.session.hostname; }
    MessageId next_id() { return ids_.next(now_.wall_us); }
    admission::Gate* gate() { return gate_.get(); }  // null: nothing is limited
    // What connections are left are kept for limits.known.
    bool known_only() const {
        const std::uint32_t reserve = options_.admission->reserve_per_core;
        return reserve != 0 && connections_->open_count() + reserve > options_.connections_max;
    }
    bool stressed() const { return stressed_; }
    // `calm`: as if there were no stress.
    std::int64_t timeout_ns(smtp::Stage stage, bool calm = false) const;
    std::int64_t send_timeout_ns() const {
        const config::Config& config = options_.config;
        return (stressed_ ? std::min(config.stress.command_s, config.timeouts.send_s)
                          : config.timeouts.send_s) *
               kNsPerSecond;
    }
    std::int64_t handshake_timeout_ns() const {
        return options_.config.timeouts.tls_handshake_s * kNsPerSecond;
    }
    std::int64_t proxy_header_timeout_ns() const {
        return options_.config.timeouts.proxy_header_s * kNsPerSecond;
    }
    // What hangs on who the client is.
    smtp::BareNewline bare_newline_for(const PeerAddress& peer) const;
    smtp::TlsUse tls_use_for(const PeerAddress& peer) const;
    bool takes_xclient(const PeerAddress& peer) const;
    // For a new channel; null: there is no TLS.
    std::shared_ptr<const tls::Context> tls_context() const {
        return options_.tls == nullptr ? nullptr : options_.tls->get();
    }
    // For what a channel decrypts; good until the next use by any connection.
    MutableBytes plaintext_room() { return plaintext_; }
    // Handshakes cost a thousand times what a command does: so many a turn, the others in the next ones.
    bool may_shake_hands() const { return handshake_steps_left_ > 0; }
    void handshake_step_done() { handshake_steps_left_ -= handshake_steps_left_ > 0 ? 1 : 0; }
    void queue_handshake(std::uint32_t slot) { to_shake_.push_back(slot); }
    // So many may be under way at a time, for the memory that they take; false: not now, await_handshake()
    // then.
    bool begin_handshake();
    bool handshakes_wait() const { return !to_shake_.empty() || !awaiting_handshake_.empty(); }
    void await_handshake(std::uint32_t slot) { awaiting_handshake_.push_back(slot); }
    void end_handshake();
    // A multishot receive ends by itself when it has brought limits::bulk_octets_min.
    bool limits_receives() const { return options_.receive_limit; }
    bool streams() const { return traits_.streams; }
    // No message will come back from storage, and with it no memory.
    bool storage_is_idle() const {
        return host_->outstanding() == 0 && waiting_requests_.empty() && done_first_ == nullptr;
    }
    // Half of the chunks are out: from here on full ones leave for storage at once.
    bool memory_is_short() const { return slabs_->bytes_in_use() > slabs_->bytes_max() / 2; }
    // What waits for storage is bounded by the clients that wait for it, unless they leave before it answers.
    bool accepting() const {
        const std::size_t most = std::max(kRequestsWaitingMin, std::size_t{options_.connections_max});
        return host_->accepting() && waiting_requests_.size() < most;
    }

    void submit(const storage::StoreRequest& request);
    void queue_send(std::uint32_t slot) { to_send_.push_back(slot); }
    void queue_arm(std::uint32_t slot) { to_arm_.push_back(slot); }
    // For who found no buffer: only so many go on in a turn as there are buffers, so that each gets one.
    void queue_arm_behind_others(std::uint32_t slot) { to_arm_again_.push_back(slot); }
    void queue_bulk_receive(std::uint32_t slot) { to_receive_.push_back(slot); }
    void queue_starved(std::uint32_t slot);

    // --- storage::StoreSink and policy::Answers: record, to be acted upon in the loop ---
    void part_done(Message* message, Chunk* chunk, storage::StoreStatus status) override;
    void message_done(Message* message, storage::StoreStatus status, std::string_view text) override;
    void answer(policy::Ticket ticket, const Decision& decision) override;
    void wake() override;  // any thread

 private:
    static constexpr std::size_t kRequestsWaitingMin = limits::store_queue_entries;

    struct PolicyAnswer {
        policy::Ticket ticket;
        Decision decision;
    };
    struct SlotName {
        std::uint32_t slot;
        std::uint32_t generation;
    };

    void on_completion(const io_uring_cqe& cqe);
    void on_accepted(const io_uring_cqe& cqe, const ring::UserData& name);
    void on_received(const io_uring_cqe& cqe, const ring::UserData& name);
    void arm_wake();
    bool sends_proxy_header(const PeerAddress& peer, std::size_t listener) const;
    void serve_storage();
    void serve_starved(bool all);
    void serve_timers();
    void serve_handshakes();
    void queue_awaiting_handshake();
    void tick();
    void check_stress();
    void begin_stress(bool memory, std::uint64_t percent);
    void end_stress();
    void hurry_some();
    void receive_bulk();
    void send_and_arm();
    void update_gauges();
    void begin_drain();
    bool drained();
    bool has_queued_work() const;
    Connection* find(std::uint32_t slot, std::uint32_t generation);

    CoreOptions options_;
    smtp::SessionOptions session_;  // as configured, or as stress has it
    bool stressed_ = false;
    std::uint32_t hurry_next_ = 0;           // the slot to look at next
    std::unique_ptr<admission::Gate> gate_;  // outlives the connections
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<ring::BufferRing> buffers_;
    std::unique_ptr<ring::TimerWheel> timers_;
    std::unique_ptr<SlabPool> slabs_;
    std::unique_ptr<MessagePool> messages_;
    std::unique_ptr<ConnectionTable> connections_;
    std::unique_ptr<Acceptor> acceptor_;
    std::unique_ptr<storage::Backend> backend_;  // if it runs here
    std::unique_ptr<storage::Host> host_;
    storage::BackendTraits traits_;
    MessageIdGenerator ids_;
    DateCache date_;
    Now now_;
    std::int64_t next_tick_ns_ = 0;

    std::vector<std::uint32_t> to_send_;      // slots with replies to send at the end of this turn
    std::vector<std::uint32_t> to_arm_;       // slots that may want a receive, once buffers are back
    std::deque<std::uint32_t> to_arm_again_;  // slots whose receive found no buffer, oldest first
    std::vector<std::uint32_t> to_receive_;   // slots with mail data in bulk mode, each once
    std::vector<std::uint32_t> receiving_;    // those whose turn it is
    bool bulk_under_way_ = false;             // the buffer is with the kernel, or not looked at yet
    std::vector<std::byte> bulk_buffer_;      // what is received from one of them
    std::vector<std::uint32_t> starved_;      // slots that wait for memory, each once
    std::vector<bool> is_starved_;            // by slot: it is in that list
    std::vector<std::uint32_t> to_shake_;     // slots whose handshake waits for its turn, oldest first
    std::uint32_t handshake_steps_left_ = limits::tls_handshake_steps_max;  // in this turn
    std::deque<std::uint32_t> awaiting_handshake_;  // slots that wait until another's handshake ends
    std::uint32_t handshakes_under_way_ = 0;
    std::vector<std::byte> plaintext_;
    std::vector<SlotName> to_go_on_;  // connections whose part came back
    std::vector<PolicyAnswer> answers_;
    std::deque<storage::StoreRequest> waiting_requests_;  // the host's queue was full
    Unanswered unanswered_;
    Message* done_first_ = nullptr;  // messages that storage has given back, in order
    Message* done_last_ = nullptr;

    int wake_fd_ = -1;
    std::uint64_t wake_value_ = 0;
    std::atomic<bool> stop_requested_{false};
    std::atomic<std::int64_t> stop_deadline_ns_{0};  // 0: none was given
    bool draining_ = false;
    bool listening_ = true;
    std::int64_t drain_deadline_ns_ = 0;
    int cut_off_ = 0;
};

}  // namespace ringmx::server
