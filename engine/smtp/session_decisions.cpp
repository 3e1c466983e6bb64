// What the session makes of its handler's answers, and of rules that were not kept: replies, counts, the
// limits of the session. RFC 5321 §3.3, §4.2.5, §4.3.2; RFC 2920 for what follows a refusal in a pipeline.
#include "base/assert.hpp"
#include "smtp/session.hpp"

namespace ringmx::smtp {

namespace {

constexpr Reply kBanner{220, {}, "ESMTP ringmx"};
constexpr Reply kHello{250, {}, "Hello"};
constexpr Reply kSenderAccepted{250, {2, 1, 0}, "Sender ok"};
constexpr Reply kRecipientAccepted{250, {2, 1, 5}, "Recipient ok"};
constexpr Reply kStartTls{220, {2, 0, 0}, "Ready to start TLS"};
constexpr Reply kGoAhead{354, {}, "End data with <CR><LF>.<CR><LF>"};
constexpr Reply kMessageAccepted{250, {2, 0, 0}, "Message accepted"};
constexpr Reply kRefused{550, {5, 7, 1}, "Refused"};
constexpr std::uint16_t kClosingCode = 421;  // "closing transmission channel", RFC 5321 §4.2.3

// The reply of an accepted decision: the protocol's own where the decision says nothing.
Reply accepted_reply(const Decision& decision, Reply standard) {
    const Reply& given = decision.reply;
    if (given.code >= 200 && given.code < 300) standard.code = given.code;
    if (standard.status.klass != 0 && given.status.klass != 0) standard.status = given.status;
    if (!given.text.empty()) standard.text = given.text;
    return standard;
}

// A refusal always has an enhanced status code of its class (RFC 2034 §4).
Reply refused_reply(const Decision& decision) {
    constexpr std::uint16_t per_class = 100;
    Reply reply = decision.reply.code >= 4 * per_class ? decision.reply : kRefused;
    const auto klass = static_cast<std::uint8_t>(reply.code / per_class);
    if (reply.status.klass != klass) reply.status = {klass, 0, 0};
    return reply;
}

// What is said about a greeting or an EHLO has none.
Decision without_status(const Decision& decision, std::uint16_t standard_code) {
    Reply reply = refused_reply(decision);
    if (decision.reply.code != reply.code) reply.code = standard_code;
    reply.status = {};
    return {decision.kind, reply};
}

bool closes(const Decision& decision) {
    return decision.kind == Decision::Kind::disconnect || decision.reply.code == kClosingCode;
}

bool is_accept(const Decision& decision) {
    return decision.kind == Decision::Kind::accept;
}

}  // namespace

void Session::ask(Question question, const Decision& decision) {
    if (decision.kind == Decision::Kind::later) {
        question_ = question;
    } else {
        apply(question, decision);
    }
}

void Session::apply(Question question, const Decision& decision) {
    switch (question) {
        case Question::connect:
            return apply_connect(decision);
        case Question::hello:
            return apply_hello(decision);
        case Question::starttls:
            return apply_starttls(decision);
        case Question::xclient:
            return apply_xclient(decision);
        case Question::mail:
            return apply_mail(decision);
        case Question::rcpt:
            return apply_rcpt(decision);
        case Question::data:
            return apply_data(decision);
        case Question::bdat:
            return apply_bdat(decision);
        case Question::end_of_data:
            return apply_end_of_data(decision);
        case Question::none:
            break;
    }
    RMX_ASSERT(false);
}

void Session::apply_connect(const Decision& decision) {
    banner_due_ = false;
    state_ = State::command;
    if (is_accept(decision)) return reply(accepted_reply(decision, kBanner), Due::line_with_hostname);
    // RFC 5321 §3.1: after 554 the client is to send QUIT, and anything else gets 503.
    greeted_ = Greeted::refused;
    close_or_reply(without_status(decision, 554));
}

// An EHLO that is not acceptable leaves everything as it was (RFC 5321 §4.1.4).
void Session::apply_hello(const Decision& decision) {
    if (!is_accept(decision)) {
        return close_or_reply(without_status(decision, 550));
    }
    abort_transaction();
    echoes_left_ = 0;
    greeted_ = hello_extended_ ? Greeted::ehlo : Greeted::helo;
    if (hello_extended_) return reply({250, {}, decision.reply.text}, Due::extensions);
    reply(accepted_reply(decision, kHello), Due::line_with_hostname);
}

// From the 220 on nothing that comes in clear is looked at; what came before it is still in the input, and
// ends the session.
void Session::apply_starttls(const Decision& decision) {
    if (!is_accept(decision)) return reply_refused(decision);
    abort_transaction();
    state_ = State::handshake;
    reply(kStartTls);
}

// As if the client that XCLIENT names had just connected: what is left of the session is TLS, and the count
// of its commands.
void Session::apply_xclient(const Decision& decision) {
    if (!is_accept(decision)) return reply_refused(decision);
    greeted_ = Greeted::no;
    echoes_left_ = 0;
    errors_ = 0;
    messages_ = 0;
    recipients_refused_ = 0;
    banner_due_ = true;
    state_ = State::idle;
    ask(Question::connect, handler_.on_connect());
}

void Session::apply_mail(const Decision& decision) {
    if (!is_accept(decision)) {
        expect_echo();
        return reply_refused(decision);
    }
    transaction_ = true;
    echoes_left_ = 0;
    reply(accepted_reply(decision, kSenderAccepted));
}

void Session::apply_rcpt(const Decision& decision) {
    rcpt_seen_ = true;
    if (is_accept(decision)) {
        ++recipients_;
        return reply(accepted_reply(decision, kRecipientAccepted));
    }
    constexpr std::uint16_t permanent = 500;
    if (refused_reply(decision).code >= permanent) ++recipients_refused_;
    if (options_->recipients_refused_max != 0 && recipients_refused_ > options_->recipients_refused_max) {
        return violate_and_close(rules::too_many_refused);
    }
    reply_refused(decision);
}

void Session::apply_data(const Decision& decision) {
    if (!is_accept(decision)) {
        abort_transaction();
        return reply_refused(decision);
    }
    begin_mail_data();
    state_ = State::data;
    reply(kGoAhead);
}

// A refused chunk is consumed before its reply (RFC 3030 §2).
void Session::apply_bdat(const Decision& decision) {
    if (is_accept(decision)) {
        begin_mail_data();
        chunking_ = true;
        return begin_chunk();
    }
    if (closes(decision)) return reply_refused(decision);
    swallow_chunk(refused_reply(decision));
}

// The handler has ended the transaction with its answer.
void Session::apply_end_of_data(const Decision& decision) {
    state_ = State::command;
    transaction_ = false;
    abort_transaction();
    if (is_accept(decision)) return reply(accepted_reply(decision, kMessageAccepted));
    reply_refused(decision);
}

void Session::reply_refused(const Decision& decision) {
    close_or_reply({decision.kind, refused_reply(decision)});
}

void Session::close_or_reply(const Decision& refusal) {
    if (closes(refusal)) abort_transaction();
    reply(refusal.reply, refusal.reply.code == kClosingCode ? Due::line_with_hostname : Due::line);
    if (closes(refusal)) close();
}

// --- rules that were not kept
// ----------------------------------------------------------------------------------------

// A client that pipelines sends RCPT, DATA or BDAT behind what was just refused. Its 503 replies to those are
// not its errors (RFC 2920 §3.2), as many as a transaction may have recipients.
void Session::expect_echo() {
    echoes_left_ = options_->recipients_max;
}

// Counts an error and reports it. False: it was one too many, and the session has been closed.
bool Session::count_error(const Rule& rule, bool may_be_echo) {
    if (may_be_echo && echoes_left_ > 0) {
        --echoes_left_;
    } else {
        ++errors_;
    }
    if (options_->errors_max != 0 && errors_ > options_->errors_max) {
        violate_and_close(rules::too_many_errors);
        return false;
    }
    handler_.on_violation(rule.name, rule.reply);
    return true;
}

void Session::fault(const Rule& rule) {
    if (count_error(rule, false)) reply(rule.reply);
}

void Session::fault_unless_echo(const Rule& rule) {
    if (count_error(rule, true)) reply(rule.reply);
}

void Session::violate_and_close(const Rule& rule) {
    abort_transaction();
    handler_.on_violation(rule.name, rule.reply);
    reply(rule.reply, rule.reply.code == kClosingCode ? Due::line_with_hostname : Due::line);
    close();
}

}  // namespace ringmx::smtp
