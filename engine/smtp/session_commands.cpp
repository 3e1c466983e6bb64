// Command lines: from input to verbs, the order of commands, and every command but BDAT. RFC 5321 §4.1.1,
// §4.1.4.
#include <algorithm>

#include "base/assert.hpp"
#include "smtp/other_protocol.hpp"
#include "smtp/session.hpp"

namespace ringmx::smtp {

namespace {

constexpr Reply kOk{250, {2, 0, 0}, "OK"};
constexpr Reply kBye{221, {2, 0, 0}, "Bye"};
constexpr Reply kCannotVerify{252, {2, 0, 0}, "Addresses are not verified, send the mail and see"};
constexpr Reply kHelp{214, {2, 0, 0}, "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP"};
constexpr Reply kHelpWithTls{
    214, {2, 0, 0}, "EHLO HELO STARTTLS MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP"};

// RFC 3207 §4. BDAT is refused with its chunk, in bdat_refusal.
bool is_allowed_without_tls(Verb verb) {
    return verb == Verb::ehlo || verb == Verb::noop || verb == Verb::starttls || verb == Verb::quit ||
           verb == Verb::bdat;
}

}  // namespace

// To others who are refused at the greeting only QUIT is left; the MTA that speaks for clients may come with
// the next one. BDAT is refused with its chunk.
bool Session::is_allowed_when_refused(Verb verb) const {
    return verb == Verb::quit || verb == Verb::bdat || (verb == Verb::xclient && xclient_allowed_);
}

// A whole line is at most command_line_octets_max, its line end included; of a longer one nothing is kept.
std::size_t Session::take_command_line(Bytes input) {
    const Bytes window = input.first(std::min<std::size_t>(input.size(), options_->command_line_octets_max));
    const std::size_t lf = scan::kernels().find_lf(window);
    if (first_line_ && drops_other_protocol(window)) return input.size();
    if (lf == window.size()) {
        if (window.size() < options_->command_line_octets_max) return 0;
        // Where the chunk of an unreadable BDAT ends is unknown.
        if (parse_command_line(as_text(window)).verb == Verb::bdat) {
            violate_and_close(rules::line_too_long);
        } else {
            state_ = State::skip_line;
        }
        return window.size();
    }
    std::string_view line = as_text(window.first(lf));
    const bool bare_lf = line.empty() || line.back() != '\r';
    if (!bare_lf) line.remove_suffix(1);
    first_line_ = false;
    handle_line(line, bare_lf, lf + 1 < input.size());
    return lf + 1;
}

std::size_t Session::take_rest_of_line(Bytes input) {
    const std::size_t lf = scan::kernels().find_lf(input);
    if (lf == input.size()) return lf;
    state_ = State::command;
    fault(rules::line_too_long);
    return lf + 1;
}

bool Session::drops_other_protocol(Bytes start) {
    if (!drop_other_protocols_) return false;
    const std::string_view protocol = other_protocol(start);
    if (protocol.empty()) return false;
    handler_.on_other_protocol(protocol);
    close();
    return true;
}

// Whether a client may send on before it has the reply to this command (RFC 2920 §3.1): never before it knows
// that it may, and not behind those whose reply decides what comes next. STARTTLS has a rule of its own.
bool Session::may_be_followed(Verb verb) const {
    if (greeted_ != Greeted::ehlo) return false;
    switch (verb) {
        case Verb::ehlo:
        case Verb::helo:
        case Verb::data:
        case Verb::vrfy:
        case Verb::expn:
        case Verb::noop:
        case Verb::quit:
        case Verb::xclient:
            return false;
        case Verb::starttls:
        case Verb::mail:
        case Verb::rcpt:
        case Verb::bdat:
        case Verb::rset:
        case Verb::help:
        case Verb::unknown:
            break;
    }
    return true;
}

// `more`: input is here behind it. The reply to this line is not yet sent, so whoever sent that did not wait
// for it.
void Session::handle_line(std::string_view line, bool bare_lf, bool more) {
    if (options_->commands_max != 0 && ++commands_ > options_->commands_max) {
        return violate_and_close(rules::too_many_commands);
    }
    const CommandLine command = parse_command_line(line);
    if (more && pipelining_ != Pipelining::any && !may_be_followed(command.verb)) {
        if (pipelining_ == Pipelining::refuse) return violate_and_close(rules::illegal_pipelining);
        handler_.on_violation(rules::illegal_pipelining.name, {});
        pipelining_ = Pipelining::any;  // once is enough for the log
    }
    const Rule* rule = bare_lf && bare_newline_ == BareNewline::reject ? &rules::bare_line_end
                       : has_control_character(line)                   ? &rules::control_character
                                                                       : nullptr;
    if (rule == nullptr) return handle_command(command);
    if (command.verb == Verb::bdat) return violate_and_close(*rule);  // its chunk would be read as commands
    fault(*rule);
}

void Session::handle_command(const CommandLine& command) {
    if (greeted_ == Greeted::refused && !is_allowed_when_refused(command.verb)) {
        return fault(rules::session_refused);
    }
    if (tls_ == TlsUse::required && !is_allowed_without_tls(command.verb)) return fault(rules::tls_required);
    switch (command.verb) {
        case Verb::ehlo:
            return handle_hello(command.argument, true);
        case Verb::helo:
            return handle_hello(command.argument, false);
        case Verb::starttls:
            return handle_starttls(command.argument);
        case Verb::xclient:
            return handle_xclient(command.argument);
        case Verb::mail:
            return handle_mail(command.argument);
        case Verb::rcpt:
            return handle_rcpt(command.argument);
        case Verb::data:
            return handle_data(command.argument);
        case Verb::bdat:
            return handle_bdat(command.argument);
        case Verb::rset:
            return handle_rset(command.argument);
        case Verb::quit:
            return handle_quit(command.argument);
        case Verb::vrfy:
            return handle_vrfy(command.argument);
        case Verb::noop:
            return reply(kOk);
        case Verb::help:
            return reply(tls_ == TlsUse::offered ? kHelpWithTls : kHelp);
        case Verb::expn:
            return fault(rules::expn_not_implemented);
        case Verb::unknown:
            return fault(rules::unknown_command);
    }
}

void Session::handle_hello(std::string_view argument, bool extended) {
    Hello hello;
    hello.extended = extended;
    if (const Rule* rule = parse_hello(argument, hello)) return fault(*rule);
    hello_extended_ = extended;
    ask(Question::hello, handler_.on_hello(hello));
}

void Session::handle_starttls(std::string_view argument) {
    if (tls_ == TlsUse::none) return fault(rules::unknown_command);
    if (!argument.empty()) return fault(rules::argument_given);
    if (tls_ == TlsUse::active) return fault(rules::tls_active);
    if (greeted_ != Greeted::ehlo) return fault(rules::starttls_without_ehlo);
    ask(Question::starttls, handler_.on_starttls());
}

void Session::handle_xclient(std::string_view argument) {
    if (!xclient_allowed_) return fault(rules::xclient_not_allowed);
    if (transaction_) return fault(rules::xclient_in_transaction);
    XclientCommand command;
    if (const Rule* rule = parse_xclient(argument, command)) return fault(*rule);
    ask(Question::xclient, handler_.on_xclient(command));
}

void Session::handle_mail(std::string_view argument) {
    if (greeted_ == Greeted::no) return fault_unless_echo(rules::hello_first);
    if (transaction_) return fault(rules::nested_mail);
    ++messages_;  // every MAIL counts, whatever becomes of it (RFC 9422 §4.1)
    if (options_->messages_max != 0 && messages_ > options_->messages_max) {
        return violate_and_close(rules::too_many_messages);
    }
    MailCommand command;
    if (const Rule* rule = mail_refusal(argument, command)) {
        fault(*rule);
        return expect_echo();
    }
    body_ = command.body;
    smtputf8_ = command.smtputf8;
    ask(Question::mail, handler_.on_mail(command));
}

const Rule* Session::mail_refusal(std::string_view argument, MailCommand& command) const {
    if (const Rule* rule = parse_mail(argument, greeted_ == Greeted::ehlo, command)) return rule;
    if (!options_->dsn && (command.ret != DsnReturn::unspecified || !command.envid.empty())) {
        return &rules::parameter_unknown;
    }
    // RFC 8689 §4.1: it is announced, and taken, under TLS only.
    const bool requiretls = options_->requiretls && tls_ == TlsUse::active;
    if (command.requiretls && !requiretls) return &rules::parameter_unknown;
    const std::uint64_t most = options_->message_octets_max;
    return most != 0 && command.size.value_or(0) > most ? &rules::declared_size : nullptr;
}

void Session::handle_rcpt(std::string_view argument) {
    if (!transaction_) return fault_unless_echo(rules::mail_first);
    if (chunking_) return fault(rules::rcpt_after_bdat);
    RcptCommand command;
    const Rule* rule = parse_rcpt(argument, greeted_ == Greeted::ehlo, smtputf8_, command);
    const bool has_dsn = command.notify != 0 || !command.orcpt.empty();
    if (rule == nullptr && has_dsn && !options_->dsn) rule = &rules::parameter_unknown;
    if (rule != nullptr) {
        rcpt_seen_ = true;
        return fault(*rule);
    }
    if (recipients_ >= options_->recipients_max) {
        // Not an error: the client is to send the others in a transaction of their own (RFC 5321
        // §4.5.3.1.10).
        handler_.on_violation(rules::too_many_recipients.name, rules::too_many_recipients.reply);
        return reply(rules::too_many_recipients.reply);
    }
    ask(Question::rcpt, handler_.on_rcpt(command));
}

void Session::handle_data(std::string_view argument) {
    if (!argument.empty()) return fault(rules::argument_given);
    if (!transaction_) return fault_unless_echo(rules::mail_first);
    if (chunking_) {
        abort_transaction();
        return fault(rules::data_after_bdat);
    }
    if (body_ == BodyType::binary_mime) return fault(rules::data_with_binarymime);
    if (const Rule* rule = recipients_missing()) {
        if (rule == &rules::rcpt_first) return fault(*rule);
        handler_.on_violation(rule->name, rule->reply);
        return reply(rule->reply);
    }
    ask(Question::data, handler_.on_data(DataKind::data));
}

void Session::handle_rset(std::string_view argument) {
    if (!argument.empty()) return fault(rules::argument_given);
    abort_transaction();
    echoes_left_ = 0;
    reply(kOk);
}

void Session::handle_quit(std::string_view argument) {
    if (!argument.empty()) return fault(rules::argument_given);
    abort_transaction();
    quit_ = true;
    reply(kBye, Due::line_with_hostname);
    close();
}

void Session::handle_vrfy(std::string_view argument) {
    if (argument.empty()) return fault(rules::argument_missing);
    reply(kCannotVerify);
}

}  // namespace ringmx::smtp
