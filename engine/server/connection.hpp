// One client connection: its SMTP session, the input and replies that wait, the message being received, and
// what the kernel is doing for it. Lives in its core's table, named by slot and generation; the slot is also
// its direct descriptor. An idle connection is this object and nothing else: memory for input, replies and
// mail is held only while there is something in it.
//
// All of it belongs to the core's thread. The socket's side is in connection_io.cpp, the session's side (what
// the protocol asks of its host) in connection_session.cpp, limits and clients out of turn in
// connection_admission.cpp, TLS, which stands between the two if the connection has it, in
// connection_tls.cpp, clients that a proxy or another MTA names in connection_front.cpp, and input held back
// and deadlines in connection_input.cpp.
//
// Phases, in order; some are skipped:
//   open       receives and replies
//   flushing   the session is closed; its last replies are being sent
//   lingering  our side is shut; input is read and dropped, so that a reset cannot overtake the last reply
//   ending     what is armed is cancelled; waits for every completion that is due
//   closing    nothing is due; the close is under way; after it the slot is free
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "admin/counters.hpp"
#include "admin/log_record.hpp"
#include "admission/gate.hpp"
#include "base/clock.hpp"
#include "base/peer.hpp"
#include "message/message.hpp"
#include "policy/policy.hpp"
#include "server/front.hpp"
#include "server/tls_transport.hpp"
#include "smtp/session.hpp"

namespace ringmx::server {

class Core;

class Connection final : public smtp::Handler {
 public:
    Connection(Core& core, std::uint32_t slot, std::uint32_t generation, const PeerAddress& peer,
               const smtp::SessionOptions& options, smtp::BareNewline bare_newline, smtp::TlsUse tls);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    std::uint32_t generation() const { return generation_; }

    // --- completions, from the core's loop ---
    void begin();                             // just accepted: banner, first receive
    void begin_tls();                         // the same on a listener where TLS comes first
    void begin_behind_proxy(bool tls_first);  // either of them, once the PROXY header has come
    // `more`: there is more in the socket.
    void on_receive(std::int32_t result, Bytes data, bool armed_still, bool more);
    void on_bulk_receive(std::int32_t result, Bytes data, bool more);
    void on_readable();
    void on_send(std::int32_t result);
    void on_cancelled();
    void on_shut_down();

    // --- work queued by the core for later in the same turn ---
    void send_pending();                     // one send for all replies of the turn
    void arm_receive();                      // if it is wanted
    bool receive_bulk(MutableBytes buffer);  // requests what is there now; false: nothing is wanted
    void go_on();                            // room may be had again: a part came back, a chunk was released
    void shake_hands();  // its turn has come (Core::queue_handshake, Core::await_handshake)
    void on_stored();    // message_ carries storage's outcome
    void on_policy_answer(const policy::Ticket& ticket, const Decision& decision);
    std::int64_t on_timer(std::int64_t now_ns);  // returns the next deadline
    void hurry();                                // stress has begun: deadlines come nearer

    // --- the server stops ---
    void drain();    // finish mail data in progress, 421 for the others
    void abandon();  // the drain's deadline has passed

    bool waits_to_shake_hands() const {
        return phase_ == Phase::open && tls_ && tls_->queued && tls_->shaking;
    }
    bool holds(const Message* message) const { return message_ == message; }

 private:
    enum class Phase : std::uint8_t { open, flushing, lingering, ending, closing };
    // Of mail data in bulk mode, and behind the last reply: a poll, then its turn (queued), then one receive
    // that is over at once (now).
    enum class Receive : std::uint8_t { none, multishot, poll, queued, now };
    enum class Question : std::uint8_t {
        none,
        banner,
        connect,
        hello,
        mail,
        recipient,
        data,
        end_of_data,
        store
    };

    // --- connection_input.cpp ---
    void take_input(Bytes data);
    void feed_held();
    void feed_held_chunks();
    bool join_held();
    void hold(Bytes data);
    void drop_held();
    bool wants_bulk() const;
    void touch();
    void set_deadline(std::int64_t deadline_ns);
    std::int64_t next_deadline(std::int64_t now_ns);

    // --- connection_io.cpp ---
    void queue_send();
    void queue_arm();
    void settle();
    void finish_flush();
    void linger();
    void begin_ending();
    void close_if_idle();
    void peer_gone();
    void cancel_receive();
    bool wants_receive() const;
    std::size_t bulk_octets();
    bool receives_bulk() const { return phase_ == Phase::lingering || wants_bulk(); }
    void receive_is_over();
    void take(std::int32_t result, Bytes data);
    void drop_output();
    // What is on its way to the socket.
    Chunk*& wire() { return tls_ ? tls_->wire : output_; }
    bool shaking() const { return tls_ && tls_->shaking; }
    // What goes on has one deadline from its beginning, whatever is received or sent meanwhile: a handshake,
    // and the delay of the banner (tickets are sent in it).
    bool keeps_deadline() const { return shaking() || question_ == Question::banner; }

    // --- connection_admission.cpp ---
    bool admit();
    void leave_admission();
    void end_for_limit();
    const Reply* over_rate(admission::Rate rate);
    const Reply* over_recipients();
    void count_recipient_refused(const Reply& reply);
    void count_error(std::string_view rule, const Reply& reply);
    void limit_passed(admission::Limit limit);
    void log_admission(std::string_view event, std::string_view detail, std::string_view text,
                       const Reply& reply);
    bool delays_banner();
    void greet();
    void early_talk(Bytes data);
    void on_other_protocol(std::string_view protocol) override;
    std::int64_t data_deadline(std::int64_t deadline_ns);
    void count_data(std::size_t octets);
    void begin_data_window();
    bool outlasts_deadline();

    // --- connection_tls.cpp ---
    static constexpr std::size_t kTlsTextOctets = 72;
    Decision on_starttls() override;
    void start_tls();
    void expect_handshake();
    bool may_begin_handshake();
    void leave_handshake();
    void take_ciphertext(Bytes data);
    void decrypt(Bytes data);
    bool takes_input() const;
    MutableBytes plaintext_room(bool must);
    bool input_is_over() const;
    std::size_t ciphertext_octets(std::size_t room) const;
    void handshake_done();
    void say_farewell();
    bool has_output() const;
    void seal_replies();
    void drop_wire();
    void channel_failed(Bytes input);
    void handshake_failed(tls::Failure failure, std::string_view text, Bytes input);
    void say_in_clear();
    void log_tls(std::string_view event, tls::Failure failure, std::string_view text);
    std::string_view tls_text(std::array<char, kTlsTextOctets>& buffer) const;
    void add_tls_facts(policy::ClientFacts& facts) const;
    bool client_is_verified() const;
    bool write_tls_client();  // into the envelope; false: it does not fit

    // --- connection_front.cpp ---
    Decision on_xclient(const smtp::XclientCommand& command) override;
    bool awaits_proxy_header() const { return front_ && front_->decoder; }
    void take_proxy_header(Bytes data);
    void proxy_header_done(const proxy::Header& header);
    void proxy_header_failed(admin::Counter& counter, std::string_view reason, std::string_view text);
    void proxy_header_timed_out();
    void proxy_header_lost();
    void treat_by_address();
    bool is_extended() const;
    void add_front_facts(policy::ClientFacts& facts) const;
    admin::LogClient log_client() const;

    // --- connection_session.cpp ---
    MutableBytes reply_room(std::size_t octets) override;
    void reply_written(std::size_t octets) override;
    MutableBytes body_room() override;
    std::uint32_t body_crc() override;
    void body_written(std::size_t octets, std::uint32_t crc) override;
    Decision on_connect() override;
    Decision on_hello(const smtp::Hello& hello) override;
    Decision on_mail(const smtp::MailCommand& command) override;
    Decision on_rcpt(const smtp::RcptCommand& command) override;
    Decision on_data(smtp::DataKind kind) override;
    Decision on_end_of_data(const smtp::DataFacts& facts) override;
    void on_abort() override;
    void on_violation(std::string_view rule, const Reply& reply) override;

    Decision ask(Question question, const Decision& decision);
    Decision ask_connect();
    Decision refuse_connect();
    policy::Ticket ticket();
    policy::ClientFacts client_facts() const;
    bool write_envelope_head(const smtp::MailCommand& command);
    Decision recipient_decided(const Decision& decision);
    Decision begin_mail_data();
    Decision submit_message();
    void stream_full_chunks();
    void give_up_full_chunks();
    MutableBytes give_up_message();
    void submit_part(Chunk* chunk);
    void keep_envelope(const Chunk& first);
    void refuse_message(const Reply& reply);
    void verdict_overdue();
    void drop_message();
    void end_questions();
    Decision sender_refused(const Decision& decision, std::string_view reverse_path);
    void log_outcome(const Reply& reply, admin::TransactionEnd end);
    std::string_view client_name() const;
    void keep_client_name(std::string_view name);

    static constexpr std::size_t kNameInline = 46;
    static constexpr std::int64_t kLingerNs =
        2 * kNsPerSecond;  // how long input is still read behind a last reply

    Core& core_;
    std::int64_t deadline_ns_ = 0;
    std::int64_t wheel_ns_ = 0;    // for when the wheel has us
    Chunk* held_first_ = nullptr;  // input that the session could not take yet, oldest first
    Chunk* held_last_ = nullptr;
    Chunk* output_ = nullptr;  // replies; without TLS [begin, begin + sending_) are in the kernel's hands
    std::unique_ptr<TlsTransport> tls_;       // null: a plain connection
    std::unique_ptr<TlsTransport> next_tls_;  // once STARTTLS has been answered and its input looked at
    std::unique_ptr<Front> front_;            // null: nobody stands in front of the client
    Message* message_ = nullptr;       // the open transaction's; with storage while question_ is `store`
    std::int64_t data_window_ns_ = 0;  // since when mail data is awaited, or measured; 0: it is not
    admission::Place place_;
    std::uint32_t data_octets_ = 0;  // received in that window, or so many as the type holds
    std::uint32_t slot_;
    std::uint32_t generation_;
    std::uint32_t held_bytes_ = 0;
    std::uint32_t sending_ = 0;
    std::uint32_t lingered_octets_ = 0;  // read and dropped behind the last reply
    std::uint32_t envelope_before_ = 0;  // length before the recipient in question
    std::uint32_t questions_asked_ = 0;
    std::uint16_t operations_ = 0;  // completions due
    Phase phase_ = Phase::open;
    Receive receive_ = Receive::none;
    Question question_ = Question::none;
    bool cancel_sent_ = false;   // a cancel of the armed receive is under way
    bool end_of_input_ = false;  // the peer has shut its side
    bool peer_gone_ = false;     // an error on the socket: nothing can be sent
    bool send_queued_ = false;
    bool arm_queued_ = false;
    bool first_receive_ = true;
    bool readable_ = false;          // in bulk mode: the socket is known not to be empty
    bool extended_ = false;          // EHLO rather than HELO
    bool offered_extended_ = false;  // with offered_name_
    bool exempt_ : 1 = true;         // admission does not look at this client
    bool early_talker_ : 1 = false;
    bool no_linger_ : 1 = false;                         // behind the last reply it is closed at once
    bool stalled_ : 1 = false;                           // we had no room for its mail data, in its window
    admission::Limit refused_ = admission::Limit::none;  // at the door; for the greeting
    admission::Limit passed_ = admission::Limit::none;   // the session is to end with its reply
    std::uint8_t name_length_ = 0;
    PeerAddress peer_;
    char name_[kNameInline];                     // the client's name if it is short
    std::unique_ptr<char[]> long_name_;          // else here; at most 255 octets, name_length_ tells
    std::unique_ptr<std::string> offered_name_;  // of the EHLO or HELO that policy still thinks about
    smtp::Session session_;
};

}  // namespace ringmx::server
