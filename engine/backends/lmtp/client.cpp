#include "lmtp/client.hpp"

#include <algorithm>
#include <utility>

#include "lmtp/command_text.hpp"

namespace ringmx::lmtp {
namespace {

bool positive(int code) {
    return code >= 200 && code < 300;
}

Outcome outcome_of(int code) {
    if (positive(code)) return Outcome::delivered;
    return code >= 500 ? Outcome::refused : Outcome::deferred;
}

}  // namespace

void Client::feed(std::string_view octets) {
    parser_.feed(octets);
    while (state_ != State::failed) {
        const auto reply = parser_.next();
        if (!reply) break;
        on_reply(*reply);
    }
    if (parser_.broken()) fail("the server sends what is no reply");
}

void Client::on_reply(const Reply& reply) {
    switch (state_) {
        case State::greeting:
            if (reply.code != 220) return fail(reply.text());
            outgoing_.add("LHLO " + options_.name + "\r\n");
            state_ = State::hello;
            break;
        case State::hello:
            if (reply.code != 250) return fail(reply.text());
            extensions_ = extensions_of(reply);
            state_ = State::ready;
            break;
        case State::ready:
            return fail(reply.text());  // nothing was asked: 421, the server ends the session
        case State::mail:
            on_mail(reply);
            break;
        case State::recipients:
            on_recipient(reply);
            break;
        case State::data:
            on_data(reply);
            break;
        case State::results:
            on_result(reply);
            break;
        case State::reset:
            if (!positive(reply.code)) return fail(reply.text());
            state_ = State::ready;
            end_if_complete();
            break;
        case State::failed:
            break;
    }
    if (reply.code == 421) fail(reply.text());
}

void Client::fail(std::string_view reason) {
    if (state_ == State::failed) return;
    state_ = State::failed;
    failure_ = reason;
    outgoing_.clear();
    for (RecipientResult& result : results_) {
        if (result.outcome == Outcome::deferred && result.text.empty()) result.text = reason;
    }
    done_ = in_transaction_;
}

void Client::begin(const plugin::Message& message, std::vector<std::uint32_t> recipients) {
    message_ = &message.raw();
    recipients_ = std::move(recipients);
    results_.assign(recipients_.size(), {});
    asked_.clear();
    accepted_.clear();
    answered_ = 0;
    in_transaction_ = true;
    done_ = mail_accepted_ = data_sent_ = smtputf8_ = content_begun_ = false;
    by_chunk_ = extensions_.chunking && options_.chunking;
    refuse_what_cannot_be_sent();
    for (std::uint32_t position = 0; position < results_.size(); ++position) {
        if (results_[position].outcome == Outcome::deferred) asked_.push_back(position);
    }
    if (asked_.empty()) {
        done_ = true;
        return;
    }
    send_envelope();
    state_ = State::mail;
}

std::vector<RecipientResult> Client::take_results() {
    in_transaction_ = false;
    message_ = nullptr;
    return std::exchange(results_, {});
}

// RFC 6531 §3.6, RFC 3030 §3, RFC 1870 §6.1: what the server did not offer must not be asked of it.
void Client::refuse_what_cannot_be_sent() {
    const plugin::Message message(message_);
    smtputf8_ = needs_smtputf8(message);
    if (message.has(RINGMX_BINARYMIME) && !(extensions_.binary_mime && by_chunk_))
        return refuse_all("554 5.6.1 the next server takes no BINARYMIME");
    if (extensions_.size_max != 0 && message.octets() > extensions_.size_max)
        return refuse_all("552 5.3.4 the message is larger than the next server takes");
    if (!by_chunk_ && has_bare_line_end(message.spans()))
        return refuse_all("554 5.6.1 bare CR or LF, and the next server takes no CHUNKING");
    if (smtputf8_ && !extensions_.smtputf8) return refuse_all("554 5.6.7 the next server takes no SMTPUTF8");
    if (!is_plain_path(message.reverse_path()))
        return refuse_all("553 5.1.7 control characters in an address");
    for (std::uint32_t position = 0; position < recipients_.size(); ++position) {
        const plugin::Recipient recipient = recipient_at(position);
        if (!is_plain_path(recipient.forward_path)) {
            results_[position] = {Outcome::refused, false, "553 5.1.3 control characters in an address"};
        } else if (!is_ascii(recipient.forward_path)) {
            if (extensions_.smtputf8) {
                smtputf8_ = true;
            } else {
                results_[position] = {Outcome::refused, false, "553 5.6.7 the next server takes no SMTPUTF8"};
            }
        }
    }
}

void Client::refuse_all(std::string_view why) {
    for (RecipientResult& result : results_)
        result = {Outcome::refused, false, std::string(why)};
}

plugin::Recipient Client::recipient_at(std::uint32_t position) const {
    return plugin::Message(message_).recipient(recipients_[position]);
}

// Everything at once with PIPELINING (RFC 2920 §3.1); otherwise MAIL, and each RCPT when its turn comes.
void Client::send_envelope() {
    outgoing_.add(mail_command(plugin::Message(message_), extensions_, smtputf8_));
    if (!extensions_.pipelining || !options_.pipelining) return;
    for (const std::uint32_t position : asked_)
        outgoing_.add(recipient_command(recipient_at(position), extensions_));
    if (!by_chunk_) {
        outgoing_.add("DATA\r\n");
        data_sent_ = true;
    }
}

void Client::on_mail(const Reply& reply) {
    mail_accepted_ = positive(reply.code);
    if (!mail_accepted_) {
        for (const std::uint32_t position : asked_)
            settle(position, reply);
    }
    state_ = State::recipients;
    const bool pipelined = extensions_.pipelining && options_.pipelining;
    if (pipelined) return;
    if (!mail_accepted_) return reset();
    outgoing_.add(recipient_command(recipient_at(asked_.front()), extensions_));
}

void Client::on_recipient(const Reply& reply) {
    const std::uint32_t position = asked_[answered_++];
    if (mail_accepted_) {
        if (positive(reply.code)) {
            accepted_.push_back(position);
        } else {
            settle(position, reply);
            // RFC 5321 §4.5.3.1.10: 452, and 552 as older servers say, is "too many recipients".
            RecipientResult& result = results_[position];
            result.too_many = is_too_many(reply) && !accepted_.empty();
            if (result.too_many) result.outcome = Outcome::deferred;
        }
    }
    if (answered_ == asked_.size()) return recipients_answered();
    if (!extensions_.pipelining || !options_.pipelining)
        outgoing_.add(recipient_command(recipient_at(asked_[answered_]), extensions_));
}

void Client::recipients_answered() {
    answered_ = 0;
    if (data_sent_) {
        state_ = State::data;
    } else if (accepted_.empty()) {
        reset();
    } else if (by_chunk_) {
        send_content();
    } else {
        outgoing_.add("DATA\r\n");
        state_ = State::data;
    }
}

void Client::on_data(const Reply& reply) {
    if (reply.code == 354) {
        // A go-ahead without a recipient (RFC 2920 §3.1): there is no end of it that all servers agree upon.
        if (accepted_.empty()) return fail("354 to DATA without a recipient");
        return send_content();
    }
    for (const std::uint32_t position : accepted_)
        settle(position, reply);
    // A positive reply that is no go-ahead means nothing.
    if (positive(reply.code)) return fail(reply.text());
    reset();
}

void Client::send_content() {
    content_begun_ = true;
    const plugin::Message message(message_);
    if (by_chunk_) {
        outgoing_.add("BDAT " + std::to_string(message.octets()) + " LAST\r\n");
        outgoing_.add(Content(message.spans(), Framing::chunk));
    } else {
        outgoing_.add(Content(message.spans(), Framing::dotted));
    }
    state_ = State::results;
}

void Client::on_result(const Reply& reply) {
    if (answered_ == accepted_.size()) return fail("a reply too many");
    settle(accepted_[answered_++], reply);
    end_if_complete();
}

void Client::drained() {
    end_if_complete();
}

void Client::reset() {
    outgoing_.add("RSET\r\n");
    state_ = State::reset;
}

void Client::settle(std::uint32_t position, const Reply& reply) {
    results_[position] = {outcome_of(reply.code), false, reply.text()};
}

// The end of a transaction: behind the last result once all is written, or behind RSET.
void Client::end_if_complete() {
    if (!in_transaction_ || done_) return;
    if (state_ == State::results) {
        if (answered_ < accepted_.size() || !outgoing_.empty()) return;
        state_ = State::ready;
    }
    done_ = state_ == State::ready;
}

}  // namespace ringmx::lmtp
