// smtp::Session: the receiving side of SMTP as a resumable state machine, sans I/O. RFC 5321 and the
// extensions of docs/protocol.md. It has no socket, no clock, no allocation and no buffer of its own: it
// parses commands where the input lies, writes replies into room that its host gives, and moves mail data
// through scan::Kernels into room that its host gives. One session, one thread.
//
// Driving it:
//   start() once; then feed() whatever arrives. feed returns how many octets it consumed. What it did not
//   consume (a partial command line of at most `command_line_octets_max`, or input behind something it waits
//   for) is fed again later, with what followed it, as one contiguous span. waiting() says what it needs
//   before it can go on:
//     input      feed more
//     decision   on_decision(): a handler answered Decision::later()
//     room       resume(): Handler::reply_room or body_room had nothing to give
//     closed     nothing: send what was written, then close the connection
//   Any split of the input gives the same replies and the same mail data.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/reply.hpp"
#include "scan/data_scan.hpp"
#include "scan/header_scan.hpp"
#include "smtp/command_parser.hpp"
#include "smtp/commands.hpp"
#include "smtp/rules.hpp"
#include "smtp/xclient.hpp"

namespace ringmx::smtp {

// What becomes of bare CR and bare LF in mail data (NUL is refused in `reject` and kept otherwise).
enum class BareNewline : std::uint8_t { normalize, reject, accept };

// The configuration of sessions, shared by all of a core. While they run its thread may change limits of the
// session (errors, refused recipients): what comes next is held to the new ones.
struct SessionOptions {
    std::string_view hostname;                     // in the banner, EHLO and 221
    std::uint64_t message_octets_max = 50u << 20;  // SIZE; announced. 0: no limit
    // Beyond this multiple of message_octets_max an oversized body is not drained further: 552 and close.
    std::uint32_t oversize_drain_factor = 2;
    std::uint32_t recipients_max = 1000;  // per transaction; announced as RCPTMAX (RFC 9422); 452 4.5.3
    std::uint32_t messages_max = 0;       // MAIL commands per session; announced as MAILMAX; 0: no limit
    std::uint32_t commands_max = 0;       // commands per session; then 421 4.7.0; 0: no limit
    std::uint32_t errors_max = 20;        // 5xx protocol errors per session; then 421 4.7.0
    std::uint32_t recipients_refused_max = 100;    // refused RCPT per session; then 421 4.7.0
    std::uint32_t received_headers_max = 100;      // more: 554 5.4.6
    std::uint32_t command_line_octets_max = 2048;  // 512..limits::command_line_octets_max; longer: 500 5.5.2
    bool dsn = true;                               // DSN is announced, and its parameters are taken
    bool requiretls = false;                       // so is REQUIRETLS (RFC 8689), under TLS
};

// How a session stands to TLS (RFC 3207).
//   none      it is not to be had: STARTTLS is unknown
//   offered   STARTTLS is announced
//   required  the same, and without it there is only EHLO, NOOP, STARTTLS and QUIT
//   active    this session runs under TLS
enum class TlsUse : std::uint8_t { none, offered, required, active };

// What becomes of input that came before a reply which it had to wait for (RFC 2920 §3.1).
enum class Pipelining : std::uint8_t { any, report, refuse };

// What the session asks of its host. Every view passed is valid during the call only.
class Handler {
 public:
    // --- room ---
    // Contiguous room for at least `octets` of reply, or empty: then the session waits for resume().
    virtual MutableBytes reply_room(std::size_t octets) = 0;
    // One whole reply was written into the last reply_room.
    virtual void reply_written(std::size_t octets) = 0;
    // Room for mail data (at least scan::kRoomMin octets, the more the better), or empty: the session waits
    // for resume().
    virtual MutableBytes body_room() = 0;
    // CRC32C of the chunk that body_room belongs to, before the next octet: where the scan's checksum goes
    // on.
    virtual std::uint32_t body_crc() = 0;
    // `octets` of the last body_room were filled; `crc` is the checksum behind them.
    virtual void body_written(std::size_t octets, std::uint32_t crc) = 0;

    // --- decisions; each may answer Decision::later() ---
    // A reply's text is needed during the call only. When there is no room for the reply at that moment, at
    // most 80 octets of the text are kept. A reply with code 421 closes the session like
    // Decision::disconnect.
    virtual Decision on_connect() = 0;  // accept: the 220 banner
    virtual Decision on_hello(const Hello& hello) = 0;
    virtual Decision on_mail(const MailCommand& command) = 0;  // the transaction begins when this is accepted
    virtual Decision on_rcpt(const RcptCommand& command) = 0;
    // Before the first octet of mail data; accept: 354, or the chunk is taken.
    virtual Decision on_data(DataKind kind) = 0;
    virtual Decision on_end_of_data(const DataFacts& facts) = 0;  // accept only when the message is kept
    // STARTTLS; accept: 220, and then wants_handshake(). Refused: 454, and the session goes on without.
    virtual Decision on_starttls();
    // XCLIENT from a client that may send it (Session::allow_xclient), outside of a transaction; accept: what
    // it says holds from now on, and on_connect follows, as for a new client. In this call treat() may be
    // called.
    virtual Decision on_xclient(const XclientCommand& command);

    // The transaction is gone: RSET, EHLO, refusal or end. Called exactly once for every accepted MAIL that
    // was not ended by an answered on_end_of_data (accept, reject and disconnect end it themselves). Mail
    // data so far is void. A refused on_data ends the transaction too. Not called for a MAIL that was not
    // accepted, nor for one whose decision was still outstanding when the session ended.
    virtual void on_abort() = 0;

    // A protocol error or limit was answered; for counters and the log. `rule` is static, e.g.
    // "line-too-long".
    // Reply code 0: it is only reported.
    virtual void on_violation(std::string_view rule, const Reply& reply) = 0;
    // The client speaks something else, "http" say: the session is closed without a word.
    virtual void on_other_protocol(std::string_view) {}

 protected:
    ~Handler() = default;
};

enum class Waiting : std::uint8_t { input, decision, room, closed };

// Which of the timeouts of RFC 5321 §4.5.3.2 runs now.
enum class Stage : std::uint8_t { banner, command, data_block, end_of_data };

class Session {
 public:
    Session(const SessionOptions& options, Handler& handler, BareNewline bare_newline,
            TlsUse tls = TlsUse::none);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // What hangs on who the client is, where that is known only now: before start(), or in on_xclient.
    // Active TLS stays active.
    void treat(BareNewline bare_newline, TlsUse tls);
    // XCLIENT is announced, and taken from this client, from now on to the end of the session.
    void allow_xclient() { xclient_allowed_ = true; }
    // What this client may do; before start(). Without this all of it.
    void watch(Pipelining pipelining, bool drop_other_protocols);
    // Other limits than it was made with; `options` outlives the session.
    void go_by(const SessionOptions& options) { options_ = &options; }
    void start();                                // asks on_connect, writes the banner
    std::size_t feed(Bytes input);               // returns octets consumed
    void on_decision(const Decision& decision);  // the outstanding decision; kind is not `later`
    void resume();                               // room may be had again; goes on with what needs no input
    // The handshake is done: everything that the client has said before is forgotten (RFC 3207 §4.2). Before
    // start(), or when wants_handshake().
    void on_tls();
    // 421 4.4.2, closed. Without a word where a reply waits for room: that client does not read.
    void on_timeout();
    // The host cannot go on, and input may be missing from here: what follows is ignored, the transaction is
    // void, and the session ends with `last` (421; static storage duration), after the reply that is due. A
    // message that is complete and waits for its verdict gets it first.
    void give_up(const Reply& last);
    void shut_down();      // 421 4.3.2 and closed, unless mail data is arriving or being stored: then
                           // after its reply. Idempotent
    void on_disconnect();  // the peer is gone: aborts a transaction; writes nothing; closed

    Waiting waiting() const;
    Stage stage() const;
    bool in_mail_data() const;  // between 354 (or the first BDAT) and the reply to the message
    bool in_transaction() const;
    bool awaits_verdict() const;  // on a complete message: of on_end_of_data
    bool quit() const;            // closed by the client's QUIT: nothing more is to come from it
    // 220 was said to STARTTLS, and nothing came behind it so far: what comes now is the client's handshake.
    // Any octet that is fed all the same ends the session: it was sent before TLS, by whomever (RFC 3207
    // §4.2, §6).
    bool wants_handshake() const;
    TlsUse tls() const { return tls_; }
    bool deaf() const;  // whatever comes is ignored: closed, or about to be
    // Octets of mail data known to come (rest of a BDAT chunk), 0 if unknown.
    std::uint64_t body_octets_expected() const;

 private:
    // What the input means.
    //   idle      start() was not called; input is not consumed
    //   command   command lines
    //   skip_line the rest of an over-long line, up to its LF
    //   data      mail data of DATA
    //   chunk     the octets of a BDAT chunk, kept or swallowed
    //   ending    all mail data is here; it waits for room to be completed
    //   handshake nothing: TLS is to begin, and what comes in clear behind STARTTLS ends the session
    //   closed    ignored
    enum class State : std::uint8_t { idle, command, skip_line, data, chunk, ending, handshake, closed };
    // Which decision is outstanding.
    enum class Question : std::uint8_t {
        none,
        connect,
        hello,
        starttls,
        xclient,
        mail,
        rcpt,
        data,
        bdat,
        end_of_data
    };
    // The one reply that is due: not yet written for want of room, or held back until its chunk is swallowed.
    enum class Due : std::uint8_t { none, line, line_with_hostname, extensions, chunk_octets };
    // By what the client introduced itself; refused: on_connect said no, and only QUIT is left.
    enum class Greeted : std::uint8_t { no, helo, ehlo, refused };

    static constexpr std::size_t kHeldTextMax = 80;  // octets kept of a reply's text while there is no room

    // session.cpp: driving, ends, replies
    std::size_t step(Bytes input);
    void settle();
    void reply(const Reply& reply, Due kind = Due::line);
    void hold_back(const Reply& reply);
    void keep_text();
    bool write_due();
    void abort_transaction();
    void forget_input();
    void close();

    // session_decisions.cpp: what handlers answer, and what breaks a rule
    void ask(Question question, const Decision& decision);
    void apply(Question question, const Decision& decision);
    void apply_connect(const Decision& decision);
    void apply_hello(const Decision& decision);
    void apply_starttls(const Decision& decision);
    void apply_xclient(const Decision& decision);
    void apply_mail(const Decision& decision);
    void apply_rcpt(const Decision& decision);
    void apply_data(const Decision& decision);
    void apply_bdat(const Decision& decision);
    void apply_end_of_data(const Decision& decision);
    void reply_refused(const Decision& decision);
    void close_or_reply(const Decision& refusal);
    void expect_echo();
    bool count_error(const Rule& rule, bool may_be_echo);
    void fault(const Rule& rule);
    void fault_unless_echo(const Rule& rule);
    void violate_and_close(const Rule& rule);

    // session_commands.cpp: command lines
    std::size_t take_command_line(Bytes input);
    std::size_t take_rest_of_line(Bytes input);
    bool drops_other_protocol(Bytes start);
    void handle_line(std::string_view line, bool bare_lf, bool more);
    bool may_be_followed(Verb verb) const;
    void handle_command(const CommandLine& command);
    bool is_allowed_when_refused(Verb verb) const;
    void handle_hello(std::string_view argument, bool extended);
    void handle_starttls(std::string_view argument);
    void handle_xclient(std::string_view argument);
    void handle_mail(std::string_view argument);
    const Rule* mail_refusal(std::string_view argument, MailCommand& command) const;
    void handle_rcpt(std::string_view argument);
    void handle_data(std::string_view argument);
    void handle_rset(std::string_view argument);
    void handle_quit(std::string_view argument);
    void handle_vrfy(std::string_view argument);

    // session_data.cpp: mail data
    void handle_bdat(std::string_view argument);
    const Rule* bdat_refusal() const;
    const Rule* recipients_missing() const;
    void begin_mail_data();
    void begin_chunk();
    void swallow_chunk(const Reply& reply);
    std::size_t take_data(Bytes input);
    std::size_t take_chunk(Bytes input);
    MutableBytes wanted_body_room();
    void account(Bytes produced);
    void end_chunk();
    bool end_mail_data();
    const Rule* message_fault() const;
    bool is_oversize() const;
    std::uint64_t drain_octets_max() const;

    const SessionOptions* options_;
    Handler& handler_;
    scan::DataState data_;
    scan::HeaderScan headers_;
    std::uint64_t chunk_octets_ = 0;  // of the current BDAT chunk
    std::uint64_t chunk_left_ = 0;    // of them, not yet consumed
    Reply due_reply_;
    const Reply* last_ = nullptr;  // the reply to end with, once nothing is owed before it
    char held_text_[kHeldTextMax];
    std::uint32_t commands_ = 0;
    std::uint32_t errors_ = 0;
    std::uint32_t messages_ = 0;            // MAIL commands
    std::uint32_t recipients_ = 0;          // accepted in this transaction
    std::uint32_t recipients_refused_ = 0;  // 5xx in this session
    std::uint32_t echoes_left_ = 0;         // 503 replies to come that a refused command before them explains
    BareNewline bare_newline_;
    State state_ = State::idle;
    Question question_ = Question::none;
    Due due_ = Due::none;
    Greeted greeted_ = Greeted::no;
    TlsUse tls_;
    BodyType body_ = BodyType::seven_bit;
    bool hello_extended_ = false;  // of the EHLO or HELO that waits for its decision
    bool due_held_ = false;        // due_ waits for the end of a swallowed chunk
    bool room_wanted_ = false;     // the last request for room gave nothing
    bool transaction_ = false;     // MAIL was accepted
    bool rcpt_seen_ = false;       // in this transaction, accepted or not
    bool smtputf8_ = false;
    bool chunking_ = false;  // a BDAT of this transaction was accepted
    bool chunk_last_ = false;
    bool swallow_ = false;  // mail data is consumed without being kept
    bool deaf_ = false;     // given up
    bool quit_ = false;
    bool banner_due_ = true;  // the greeting was not decided yet
    bool xclient_allowed_ = false;
    bool first_line_ = true;  // no command line has come yet, in clear or under TLS
    bool drop_other_protocols_ = false;
    Pipelining pipelining_ = Pipelining::any;
};

}  // namespace ringmx::smtp
