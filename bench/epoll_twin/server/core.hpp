// Core over epoll: it stands in for engine/server/core.hpp when the sources of engine/server are compiled for
// the twin. To connections, storage and policy it is the same core, and what a turn does between input and
// output is the same file (engine/server/core_turn.cpp); what differs is how octets come in and go out, and
// the loop around it (bench/epoll_twin/core.cpp).
//
// A connection's slot is its file descriptor. The ring is there for storage alone (the spool writes through
// it): a core without such a backend never enters it.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include <sys/epoll.h>

#include "admin/core_log.hpp"
#include "admin/counters.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/message_id.hpp"
#include "config/config.hpp"
#include "message/message.hpp"
#include "message/trace.hpp"
#include "policy/policy.hpp"
#include "ring/ring.hpp"
#include "ring/timer_wheel.hpp"
#include "server/admission_setup.hpp"
#include "server/connection.hpp"
#include "server/connection_table.hpp"
#include "server/storage_setup.hpp"
#include "server/tls_setup.hpp"
#include "server/unanswered.hpp"
#include "storage/host.hpp"

namespace ringmx::server {

// How the kernel reports readiness: once for each change (edge), or for as long as it lasts (level). Set
// before the engine starts.
enum class Trigger : std::uint8_t { edge, level };
extern Trigger trigger;

// What a core is made of and with, as engine/server/engine.cpp fills it in. References outlive the core.
struct CoreOptions {
    unsigned index = 0;
    int pin_to = -1;  // processor, or -1
    const config::Config& config;
    const smtp::SessionOptions& session;
    std::vector<int> listeners;
    std::size_t listeners_plain = SIZE_MAX;
    const ContextSlot* tls = nullptr;  // never: the twin refuses a configuration with TLS
    std::function<void()> stop_listening;
    std::uint32_t connections_max = 0;
    std::size_t slab_bytes = 0;
    admin::CoreCounters& counters;
    admin::CoreLog& log;
    std::unique_ptr<policy::Policy> policy;
    std::function<Result<CoreStorage>(ring::Ring&, storage::StoreSink&)> make_host;
    AdmissionSetup* admission = nullptr;  // not looked at: the twin limits nothing
    bool receive_limit = false;
    ring::RingOptions ring{};
};

class Core final : public storage::StoreSink, public policy::Answers {
 public:
    explicit Core(CoreOptions options);
    ~Core();

    // --- any thread ---
    void request_stop(std::int64_t deadline_ns = 0);  // begins the drain
    int cut_off() const { return cut_off_; }

    // --- the core's thread ---
    Status prepare();
    void run();
    void release();

    // --- for the core's connections: as in engine/server/core.hpp ---
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
    admission::Gate* gate() { return gate_.get(); }
    bool known_only() const { return false; }
    bool stressed() const { return false; }
    std::int64_t timeout_ns(smtp::Stage stage, bool calm = false) const;
    std::int64_t send_timeout_ns() const { return options_.config.timeouts.send_s * kNsPerSecond; }
    smtp::BareNewline bare_newline_for(const PeerAddress& peer) const;
    smtp::TlsUse tls_use_for(const PeerAddress& peer) const;
    bool takes_xclient(const PeerAddress& peer) const;
    std::int64_t proxy_header_timeout_ns() const { return 0; }  // the twin knows no PROXY header
    // No TLS here: what connection_tls.cpp asks of a core.
    std::int64_t handshake_timeout_ns() const { return 0; }
    std::shared_ptr<const tls::Context> tls_context() const { return nullptr; }
    MutableBytes plaintext_room() { return {}; }
    bool may_shake_hands() const { return false; }
    void handshake_step_done() {}
    void queue_handshake(std::uint32_t) {}
    bool begin_handshake() { return false; }
    bool handshakes_wait() const { return false; }
    void await_handshake(std::uint32_t) {}
    void end_handshake() {}
    bool streams() const { return traits_.streams; }
    bool storage_is_idle() const {
        return host_->outstanding() == 0 && waiting_requests_.empty() && done_first_ == nullptr;
    }
    bool memory_is_short() const { return slabs_->bytes_in_use() > slabs_->bytes_max() / 2; }
    bool accepting() const {
        const std::size_t most =
            std::max(std::size_t{limits::store_queue_entries}, std::size_t{options_.connections_max});
        return host_->accepting() && waiting_requests_.size() < most;
    }

    void submit(const storage::StoreRequest& request);
    void queue_send(std::uint32_t slot) { to_send_.push_back(slot); }
    void queue_arm(std::uint32_t slot) { to_arm_.push_back(slot); }
    void queue_starved(std::uint32_t slot);

    // --- for the core's connections: what epoll said of a socket and no system call has contradicted since
    // ---
    bool readable(std::uint32_t slot) const { return (ready_[slot] & EPOLLIN) != 0; }
    bool writable(std::uint32_t slot) const { return (ready_[slot] & EPOLLOUT) != 0; }
    bool hung_up(std::uint32_t slot) const { return (ready_[slot] & EPOLLRDHUP) != 0; }
    void drained(std::uint32_t slot) { ready_[slot] &= ~std::uint32_t{EPOLLIN}; }
    void blocked(std::uint32_t slot) { ready_[slot] &= ~std::uint32_t{EPOLLOUT}; }
    // Level-triggered: what to report from now on, told to the kernel when it changes. Edge-triggered:
    // nothing to do.
    void watch(std::uint32_t slot, bool input, bool output);
    // The one buffer that all sockets are read into, for as long as its octets are being looked at.
    MutableBytes receive_buffer() { return receive_buffer_; }
    void queue_close(std::uint32_t slot) { to_close_.push_back(slot); }

    // --- storage::StoreSink and policy::Answers ---
    void part_done(Message* message, Chunk* chunk, storage::StoreStatus status) override;
    void message_done(Message* message, storage::StoreStatus status, std::string_view text) override;
    void answer(policy::Ticket ticket, const Decision& decision) override;
    void wake() override;

 private:
    static constexpr std::size_t kEventsMax = 1024;  // per epoll_wait
    static constexpr std::size_t kReceiveBytes = limits::receive_buffer_bulk_bytes;

    struct PolicyAnswer {
        policy::Ticket ticket;
        Decision decision;
    };
    struct SlotName {
        std::uint32_t slot;
        std::uint32_t generation;
    };

    Status open_epoll();
    void on_event(const epoll_event& event);
    void accept_all();
    bool accept_one(int listener);
    void open_connection(int fd, const PeerAddress& peer);
    void serve_ring();
    void serve_storage();
    void serve_starved(bool all);
    void serve_timers();
    void tick();
    void receive_more();
    void send_and_close();
    void update_gauges();
    void begin_drain();
    bool drained();
    bool has_queued_work() const;
    Connection* find(std::uint32_t slot, std::uint32_t generation);

    CoreOptions options_;
    std::unique_ptr<admission::Gate> gate_;  // null: nothing is limited
    std::unique_ptr<ring::Ring> ring_;
    std::unique_ptr<ring::TimerWheel> timers_;
    std::unique_ptr<SlabPool> slabs_;
    std::unique_ptr<MessagePool> messages_;
    std::unique_ptr<ConnectionTable> connections_;
    std::unique_ptr<storage::Backend> backend_;
    std::unique_ptr<storage::Host> host_;
    storage::BackendTraits traits_;
    MessageIdGenerator ids_;
    DateCache date_;
    Now now_;
    std::int64_t next_tick_ns_ = 0;

    int epoll_ = -1;
    int ring_event_ = -1;  // the kernel's signal that the ring has something
    std::array<epoll_event, kEventsMax> events_;
    std::vector<std::byte> receive_buffer_;
    std::vector<std::uint32_t> ready_;    // by slot: EPOLLIN, EPOLLOUT, EPOLLRDHUP
    std::vector<std::uint32_t> watched_;  // by slot, level-triggered: what the kernel reports
    std::vector<std::uint32_t> to_close_;
    bool accept_wanted_ = false;  // a listener may have clients
    std::int64_t accept_paused_until_ns_ = 0;

    // As in engine/server/core.hpp; core_turn.cpp works on them.
    std::vector<std::uint32_t> to_send_;
    std::vector<std::uint32_t> to_arm_;
    std::vector<std::uint32_t> starved_;
    std::vector<bool> is_starved_;
    std::vector<SlotName> to_go_on_;
    std::vector<PolicyAnswer> answers_;
    std::vector<storage::StoreRequest> waiting_requests_;
    Unanswered unanswered_;
    Message* done_first_ = nullptr;
    Message* done_last_ = nullptr;

    int wake_fd_ = -1;
    std::atomic<bool> stop_requested_{false};
    std::atomic<std::int64_t> stop_deadline_ns_{0};
    bool draining_ = false;
    std::int64_t drain_deadline_ns_ = 0;
    int cut_off_ = 0;
};

}  // namespace ringmx::server
