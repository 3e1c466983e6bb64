// The client's side of an LMTP session (RFC 2033), sans I/O: octets of the server go in with feed(), what has
// to be written comes out of outgoing(), and a transaction ends with a result for each recipient. No clock,
// no socket.
//
// | state      | waits for                                       | then                                    |
// | ---------- | ----------------------------------------------- | --------------------------------------- |
// | greeting   | 220                                             | LHLO: hello                             |
// | hello      | 250 with the extensions                         | ready                                   |
// | ready      | begin()                                         | MAIL: mail                              |
// | mail       | the reply to MAIL                               | recipients                              |
// | recipients | a reply to each RCPT, in order                  | data, results (BDAT), or reset: no one  |
// | data       | the reply to DATA                               | results, or reset                       |
// | results    | a reply for each accepted recipient, and for    | ready                                   |
// |            | the content to be written                       |                                         |
// | reset      | the reply to RSET                               | ready                                   |
// | failed     | nothing; the connection is to be closed         |                                         |
//
// With PIPELINING, MAIL, every RCPT and DATA leave at once. The content follows when a recipient was
// accepted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lmtp/outgoing.hpp"
#include "lmtp/reply_parser.hpp"
#include "lmtp/verdict.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::lmtp {

struct ClientOptions {
    std::string name;        // in LHLO
    bool chunking = true;    // BDAT when the server offers CHUNKING; false: always DATA
    bool pipelining = true;  // when the server offers it
};

// What the server offered in its reply to LHLO.
struct Extensions {
    bool pipelining = false;
    bool eight_bit_mime = false;
    bool smtputf8 = false;
    bool chunking = false;
    bool binary_mime = false;
    bool dsn = false;
    bool size = false;
    std::uint64_t size_max = 0;  // octets; 0: it did not say
};

Extensions extensions_of(const Reply& hello);

class Client {
 public:
    enum class State : std::uint8_t {
        greeting,
        hello,
        ready,
        mail,
        recipients,
        data,
        results,
        reset,
        failed
    };

    explicit Client(ClientOptions options) : options_(std::move(options)) {}

    void feed(std::string_view octets);
    // The connection is gone, or took too long: what has no result yet is deferred for this reason.
    void fail(std::string_view reason);
    Outgoing& outgoing() { return outgoing_; }
    // Call when outgoing() has become empty: a transaction may end with that.
    void drained();

    State state() const { return state_; }
    bool ready() const { return state_ == State::ready && !in_transaction_; }
    const std::string& failure() const { return failure_; }
    const Extensions& extensions() const { return extensions_; }

    // Begins a transaction for these recipients (indices into the message's), at least one. While ready();
    // the message stays valid until finished(). It may be finished at once: without a word to the server if
    // that cannot take such a message.
    void begin(const plugin::Message& message, std::vector<std::uint32_t> recipients);
    bool in_transaction() const { return in_transaction_; }
    // Every recipient has its result, and nothing of the message is needed any more.
    bool finished() const { return in_transaction_ && done_; }
    // Some of the content was sent, or may have been: the server may deliver without our hearing of it.
    bool content_begun() const { return content_begun_; }
    // Ends the transaction: its results, in the order of `recipients` in begin().
    std::vector<RecipientResult> take_results();

 private:
    void on_reply(const Reply& reply);
    void on_mail(const Reply& reply);
    void on_recipient(const Reply& reply);
    void on_data(const Reply& reply);
    void on_result(const Reply& reply);
    void recipients_answered();
    void refuse_what_cannot_be_sent();
    void refuse_all(std::string_view why);
    void send_envelope();
    void send_content();
    void reset();
    void settle(std::uint32_t position, const Reply& reply);
    void end_if_complete();
    plugin::Recipient recipient_at(std::uint32_t position) const;

    ClientOptions options_;
    Extensions extensions_;
    ReplyParser parser_;
    Outgoing outgoing_;
    State state_ = State::greeting;
    std::string failure_;

    // The transaction. A position is an index into recipients_ and results_.
    const ringmx_message* message_ = nullptr;
    std::vector<std::uint32_t> recipients_;  // indices into the message's
    std::vector<RecipientResult> results_;
    std::vector<std::uint32_t> asked_;     // positions, in the order of their RCPT
    std::vector<std::uint32_t> accepted_;  // positions, in the order of their RCPT
    std::size_t answered_ = 0;             // of asked_; later, of accepted_
    bool in_transaction_ = false;
    bool done_ = false;
    bool mail_accepted_ = false;
    bool data_sent_ = false;  // DATA left together with the envelope
    bool by_chunk_ = false;   // BDAT
    bool smtputf8_ = false;   // the transaction needs it
    bool content_begun_ = false;
};

}  // namespace ringmx::lmtp
