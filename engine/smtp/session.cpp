// The session machine: feeding, what goes on without input, replies and ends. Command lines are in
// session_commands.cpp, mail data in session_data.cpp, decisions in session_decisions.cpp.
//
// At most one reply is ever due: a step that makes a reply ends with it, and nothing is consumed until it is
// written.
#include "smtp/session.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "smtp/reply_writer.hpp"

namespace ringmx::smtp {

namespace {

constexpr Reply kShuttingDown{421, {4, 3, 2}, "Service is shutting down, closing"};

}  // namespace

Decision Handler::on_starttls() {
    return Decision::reject({454, {4, 7, 0}, "TLS is not available at the moment"});
}

Decision Handler::on_xclient(const XclientCommand&) {
    return Decision::reject(rules::xclient_not_allowed.reply);
}

Session::Session(const SessionOptions& options, Handler& handler, BareNewline bare_newline, TlsUse tls)
    : options_(&options), handler_(handler), bare_newline_(bare_newline), tls_(tls) {
    static_assert(sizeof(Session) <= 320, "an idle connection has 512 octets for everything of ours");
    static_assert(std::all_of(rules::all.begin(), rules::all.end(),
                              [](const Rule* rule) { return rule->reply.text.size() <= kHeldTextMax; }));
}

void Session::treat(BareNewline bare_newline, TlsUse tls) {
    RMX_ASSERT(state_ == State::idle || (state_ == State::command && !transaction_));
    bare_newline_ = bare_newline;
    if (tls_ != TlsUse::active) tls_ = tls;
}

void Session::watch(Pipelining pipelining, bool drop_other_protocols) {
    pipelining_ = pipelining;
    drop_other_protocols_ = drop_other_protocols;
}

void Session::start() {
    RMX_ASSERT(state_ == State::idle);
    ask(Question::connect, handler_.on_connect());
    settle();
}

std::size_t Session::feed(Bytes input) {
    std::size_t consumed = 0;
    while (!deaf_ && consumed < input.size() && state_ != State::idle && waiting() == Waiting::input) {
        const std::size_t taken = step(input.subspan(consumed));
        consumed += taken;
        settle();
        if (taken == 0) break;
    }
    return deaf() ? input.size() : consumed;
}

// Takes what it can from the front of the input; 0: it needs more, or something else first.
std::size_t Session::step(Bytes input) {
    switch (state_) {
        case State::command:
            return take_command_line(input);
        case State::skip_line:
            return take_rest_of_line(input);
        case State::data:
            return take_data(input);
        case State::chunk:
            return take_chunk(input);
        case State::handshake:
            violate_and_close(rules::plaintext_behind_starttls);
            return input.size();
        case State::idle:
        case State::ending:
        case State::closed:
            break;
    }
    return 0;
}

// Does what needs no input, until something has to be waited for.
void Session::settle() {
    for (;;) {
        if (due_ != Due::none && !due_held_ && !write_due()) return;
        if (state_ == State::idle || state_ == State::closed || question_ != Question::none) return;
        if (state_ == State::chunk && chunk_left_ == 0) {
            end_chunk();
        } else if (state_ == State::ending) {
            if (!end_mail_data()) return;
        } else if (last_ != nullptr && !in_mail_data()) {
            abort_transaction();
            reply(*last_, Due::line_with_hostname);
            close();
        } else {
            return;
        }
    }
}

void Session::on_decision(const Decision& decision) {
    if (state_ == State::closed) return;
    RMX_ASSERT(question_ != Question::none);
    RMX_ASSERT(decision.kind != Decision::Kind::later);
    const Question question = question_;
    question_ = Question::none;
    apply(question, decision);
    settle();
}

void Session::resume() {
    if (waiting() != Waiting::room) return;
    room_wanted_ = false;
    settle();
}

void Session::on_tls() {
    RMX_ASSERT(state_ == State::idle || wants_handshake());
    abort_transaction();
    echoes_left_ = 0;
    if (greeted_ != Greeted::refused) greeted_ = Greeted::no;
    if (state_ == State::handshake) state_ = State::command;
    first_line_ = true;
    tls_ = TlsUse::active;
}

// --- ends
// ----------------------------------------------------------------------------------------------------------

void Session::on_timeout() {
    if (due_ != Due::none && !due_held_) {
        due_ = Due::none;
        return close();
    }
    if (state_ == State::closed) return;
    if (state_ == State::handshake) return close();  // nothing is to be said in clear any more
    handler_.on_violation(rules::timed_out.name, rules::timed_out.reply);
    forget_input();
    give_up(rules::timed_out.reply);
}

void Session::give_up(const Reply& last) {
    if (state_ == State::closed) return;
    if (state_ == State::handshake) return close();
    last_ = &last;
    deaf_ = true;
    if (question_ != Question::end_of_data) forget_input();
    settle();
}

// Whatever is under way is void; the session stands between two commands.
void Session::forget_input() {
    abort_transaction();
    if (due_held_) due_ = Due::none;
    due_held_ = false;
    swallow_ = false;
    room_wanted_ = false;
    banner_due_ = false;
    question_ = Question::none;
    state_ = State::command;
}

void Session::shut_down() {
    if (state_ == State::closed || last_ != nullptr) return;
    if (state_ == State::idle && question_ == Question::none) return close();
    if (state_ == State::handshake) return close();
    last_ = &kShuttingDown;
    if (!in_mail_data()) question_ = Question::none;
    if (state_ == State::idle) state_ = State::command;
    settle();
}

void Session::on_disconnect() {
    if (state_ == State::closed) return;
    due_ = Due::none;
    close();
}

void Session::abort_transaction() {
    const bool was_open = transaction_;
    transaction_ = false;
    chunking_ = false;
    rcpt_seen_ = false;
    recipients_ = 0;
    if (was_open) handler_.on_abort();
}

// Nothing is taken any more. A reply that is due is still written.
void Session::close() {
    abort_transaction();
    if (due_held_) due_ = Due::none;
    due_held_ = false;
    room_wanted_ = false;
    question_ = Question::none;
    state_ = State::closed;
}

// --- replies
// -------------------------------------------------------------------------------------------------------

void Session::reply(const Reply& reply, Due kind) {
    RMX_ASSERT(due_ == Due::none || due_held_);
    due_ = kind;
    due_held_ = false;
    due_reply_ = reply;
    write_due();
}

// The reply is written when the chunk that is swallowed now has been consumed.
void Session::hold_back(const Reply& reply) {
    RMX_ASSERT(due_ == Due::none);
    due_ = Due::line;
    due_held_ = true;
    due_reply_ = reply;
    keep_text();
}

// Texts are their giver's; what waits is kept here.
void Session::keep_text() {
    const std::string_view text = due_reply_.text.substr(0, kHeldTextMax);
    if (text.empty() || text.data() == held_text_) return;
    std::memcpy(held_text_, text.data(), text.size());
    due_reply_.text = {held_text_, text.size()};
}

bool Session::write_due() {
    const std::string_view hostname =
        due_ == Due::line_with_hostname ? options_->hostname : std::string_view{};
    const std::size_t wanted = due_ == Due::extensions     ? hello_octets_max(*options_)
                               : due_ == Due::chunk_octets ? kChunkReplyOctetsMax
                                                           : reply_octets_max(due_reply_, hostname);
    const MutableBytes room = handler_.reply_room(wanted);
    if (room.size() < wanted) {
        keep_text();
        return false;
    }
    const std::size_t written =
        due_ == Due::extensions ? write_extensions(room, *options_, due_reply_.text, tls_, xclient_allowed_)
        : due_ == Due::chunk_octets ? write_chunk_reply(room, chunk_octets_)
                                    : write_reply(room, due_reply_, hostname);
    due_ = Due::none;
    handler_.reply_written(written);
    return true;
}

// --- what a host asks
// --------------------------------------------------------------------------------------------------

Waiting Session::waiting() const {
    if (due_ != Due::none && !due_held_) return Waiting::room;
    if (state_ == State::closed) return Waiting::closed;
    if (question_ != Question::none) return Waiting::decision;
    return room_wanted_ ? Waiting::room : Waiting::input;
}

Stage Session::stage() const {
    if (banner_due_) return Stage::banner;
    if (state_ == State::ending) return Stage::end_of_data;
    return state_ == State::data || state_ == State::chunk ? Stage::data_block : Stage::command;
}

bool Session::in_mail_data() const {
    return state_ == State::data || state_ == State::chunk || state_ == State::ending || chunking_;
}

bool Session::in_transaction() const {
    return transaction_;
}

bool Session::awaits_verdict() const {
    return question_ == Question::end_of_data;
}

bool Session::quit() const {
    return quit_;
}

bool Session::wants_handshake() const {
    return state_ == State::handshake && due_ == Due::none;
}

bool Session::deaf() const {
    return deaf_ || state_ == State::closed;
}

std::uint64_t Session::body_octets_expected() const {
    return chunk_left_;
}

}  // namespace ringmx::smtp
