// See peer.hpp. It checks the rules of smtp::Handler as it goes: on_abort exactly once, checksums, no room
// wasted.
#include "peer.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <gtest/gtest.h>

namespace ringmx::golden {

namespace {

const char* body_name(smtp::BodyType body) {
    switch (body) {
        case smtp::BodyType::eight_bit_mime:
            return " body=8BITMIME";
        case smtp::BodyType::binary_mime:
            return " body=BINARYMIME";
        case smtp::BodyType::seven_bit:
            break;
    }
    return "";
}

const char* ret_name(smtp::DsnReturn ret) {
    switch (ret) {
        case smtp::DsnReturn::full:
            return " ret=FULL";
        case smtp::DsnReturn::headers:
            return " ret=HDRS";
        case smtp::DsnReturn::unspecified:
            break;
    }
    return "";
}

std::string describe(const smtp::MailCommand& command) {
    std::string text = "mail <" + std::string(command.reverse_path.address) + ">";
    if (command.size) text += " size=" + std::to_string(*command.size);
    text += body_name(command.body);
    if (command.smtputf8) text += " smtputf8";
    text += ret_name(command.ret);
    if (!command.envid.empty()) text += " envid=" + std::string(command.envid);
    if (command.requiretls) text += " requiretls";
    return text;
}

std::string describe(const char* name, const PeerAddress& address) {
    std::array<char, 48> buffer;
    return std::string(" ") + name + "=" + std::string(address.format(buffer));
}

std::string describe(const char* name, const smtp::XclientText& text) {
    using Given = smtp::XclientText::Given;
    if (text.given == Given::no) return {};
    return std::string(" ") + name + "=" +
           (text.given == Given::unavailable ? "unavailable" : "<" + std::string(text.text()) + ">");
}

std::string describe(const smtp::XclientCommand& command) {
    std::string text = "xclient" + describe("name", command.name) + describe("helo", command.helo) +
                       describe("login", command.login);
    if (command.address) text += describe("addr", *command.address);
    if (command.port) text += " port=" + std::to_string(*command.port);
    if (command.destination) text += describe("destaddr", *command.destination);
    if (command.destination_port) text += " destport=" + std::to_string(*command.destination_port);
    if (command.extended) text += *command.extended ? " esmtp" : " smtp";
    return text;
}

std::string describe(const smtp::RcptCommand& command) {
    std::string text = "rcpt <" + std::string(command.forward_path.address) + ">";
    if (command.notify != 0) text += " notify=" + std::to_string(command.notify);
    if (!command.orcpt.empty()) text += " orcpt=" + std::string(command.orcpt);
    return text;
}

std::string describe(const smtp::DataFacts& facts) {
    return "end octets=" + std::to_string(facts.octets) + " bare_lf=" + std::to_string(facts.bare_lf) +
           " bare_cr=" + std::to_string(facts.bare_cr) + " nul=" + std::to_string(facts.nul) +
           " eight_bit=" + std::to_string(facts.eight_bit) +
           " received=" + std::to_string(facts.received_headers);
}

}  // namespace

Peer::Peer(const Script& script, Manner manner)
    : script_(script), manner_(manner), session_(script.options, *this, script.bare_newline, script.tls) {
    if (script.xclient) session_.allow_xclient();
}

void Peer::start() {
    session_.start();
    pump();
}

void Peer::receive(std::string_view octets) {
    pending_ += octets;
    pump();
}

void Peer::control(Control control) {
    refuse_reply_room_ = true;  // so that the next request is met: a timed-out session does not wait for room
    switch (control) {
        case Control::timeout:
            session_.on_timeout();
            break;
        case Control::shut_down:
            session_.shut_down();
            break;
        case Control::disconnect:
            session_.on_disconnect();
            break;
        case Control::tls:
            ASSERT_TRUE(session_.wants_handshake());
            session_.on_tls();
            break;
    }
    pump();
}

Outcome Peer::outcome() const {
    Outcome outcome = outcome_;
    outcome.end = session_.waiting() == smtp::Waiting::closed ? "closed" : "open";
    return outcome;
}

// Does whatever the session waits for, until that is input which is not here.
void Peer::pump() {
    for (;;) {
        switch (session_.waiting()) {
            case smtp::Waiting::closed:
                pending_.clear();
                return;
            case smtp::Waiting::room:
                session_.resume();
                break;
            case smtp::Waiting::decision: {
                ASSERT_FALSE(asked_.empty());
                EXPECT_EQ(session_.feed(as_bytes("NOOP\r\n")), 0u) << "consumed behind a decision";
                Decision decision = decide(asked_, asked_what_);
                apply(asked_, decision);
                asked_.clear();
                // The text is gone right after the call.
                const std::string text(decision.reply.text);
                const auto copy = std::make_unique<std::string>(text);
                decision.reply.text = *copy;
                session_.on_decision(decision);
                break;
            }
            case smtp::Waiting::input: {
                if (pending_.empty()) return;
                // A block of exactly this size, so that a sanitizer sees any view kept or passed.
                const auto block = std::make_unique<char[]>(pending_.size());
                std::copy(pending_.begin(), pending_.end(), block.get());
                const std::size_t consumed = session_.feed(as_bytes({block.get(), pending_.size()}));
                ASSERT_LE(consumed, pending_.size());
                pending_.erase(0, consumed);
                if (consumed == 0 && session_.waiting() == smtp::Waiting::input) {
                    EXPECT_LT(pending_.size(), script_.options.command_line_octets_max);
                    return;
                }
            }
        }
    }
}

std::size_t Peer::stingy_octets() {
    return 2 + turns_++ % 5;
}

MutableBytes Peer::reply_room(std::size_t octets) {
    EXPECT_LE(octets, 2048u);
    refuse_reply_room_ = manner_.stingy && !refuse_reply_room_;
    if (refuse_reply_room_) return {};
    reply_buffer_.assign(octets, '\0');
    return {reinterpret_cast<std::byte*>(reply_buffer_.data()), reply_buffer_.size()};
}

void Peer::reply_written(std::size_t octets) {
    ASSERT_LE(octets, reply_buffer_.size());
    outcome_.replies.append(reply_buffer_, 0, octets);
}

MutableBytes Peer::body_room() {
    EXPECT_TRUE(open_) << "mail data without a transaction";
    refuse_body_room_ = manner_.stingy && !refuse_body_room_;
    if (refuse_body_room_) return {};
    body_buffer_.assign(manner_.stingy ? stingy_octets() : 65536, '\0');
    return {reinterpret_cast<std::byte*>(body_buffer_.data()), body_buffer_.size()};
}

std::uint32_t Peer::body_crc() {
    return crc_;
}

void Peer::body_written(std::size_t octets, std::uint32_t crc) {
    ASSERT_LE(octets, body_buffer_.size());
    const std::string_view piece(body_buffer_.data(), octets);
    EXPECT_EQ(crc, scan::crc32c(crc_, as_bytes(piece)));
    crc_ = crc;
    body_ += piece;
}

Decision Peer::decide(std::string_view where, std::string_view what) {
    for (const Answer& answer : script_.answers) {
        if (answer.where == where && (answer.match == "*" || answer.match == what))
            return {answer.kind, answer.reply};
    }
    return Decision::accept();
}

// What the answer means for the transaction, as a host has to see it.
void Peer::apply(std::string_view where, const Decision& decision) {
    const bool accepted = decision.kind == Decision::Kind::accept;
    if (where == "mail") open_ = accepted;
    if (where == "data" || where == "bdat") {
        body_.clear();
        crc_ = 0;
    }
    if (where == "end") {
        EXPECT_TRUE(open_);
        open_ = false;
        if (accepted) outcome_.stored += body_;
    }
}

Decision Peer::on_connect() {
    asked_ = "connect";
    asked_what_ = client_;
    if (manner_.later) return Decision::later();
    return decide("connect", client_);
}

Decision Peer::on_hello(const smtp::Hello& hello) {
    outcome_.events.push_back(std::string(hello.extended ? "ehlo " : "helo ") + std::string(hello.name));
    asked_ = "hello";
    asked_what_ = hello.name;
    if (manner_.later) return Decision::later();
    return decide("hello", hello.name);
}

Decision Peer::on_starttls() {
    outcome_.events.emplace_back("starttls");
    asked_ = "starttls";
    asked_what_ = "*";
    if (manner_.later) return Decision::later();
    return decide("starttls", "*");
}

Decision Peer::on_xclient(const smtp::XclientCommand& command) {
    EXPECT_FALSE(open_);
    outcome_.events.push_back(escape(describe(command)));
    if (command.address) {
        std::array<char, 48> buffer;
        client_ = command.address->format(buffer);
    }
    session_.treat(script_.xclient_bare_newline, script_.tls);
    asked_ = "xclient";
    asked_what_ = client_;
    if (manner_.later) return Decision::later();
    return decide("xclient", client_);
}

Decision Peer::on_mail(const smtp::MailCommand& command) {
    EXPECT_FALSE(open_);
    outcome_.events.push_back(escape(describe(command)));
    asked_ = "mail";
    asked_what_ = command.reverse_path.address;
    if (manner_.later) return Decision::later();
    const Decision decision = decide("mail", command.reverse_path.address);
    apply("mail", decision);
    return decision;
}

Decision Peer::on_rcpt(const smtp::RcptCommand& command) {
    EXPECT_TRUE(open_);
    outcome_.events.push_back(escape(describe(command)));
    asked_ = "rcpt";
    asked_what_ = command.forward_path.address;
    if (manner_.later) return Decision::later();
    return decide("rcpt", command.forward_path.address);
}

Decision Peer::on_data(smtp::DataKind kind) {
    EXPECT_TRUE(open_);
    const char* where = kind == smtp::DataKind::data ? "data" : "bdat";
    outcome_.events.emplace_back(where);
    asked_ = where;
    asked_what_ = "*";
    if (manner_.later) return Decision::later();
    const Decision decision = decide(where, "*");
    apply(where, decision);
    return decision;
}

Decision Peer::on_end_of_data(const smtp::DataFacts& facts) {
    EXPECT_EQ(facts.octets, body_.size());
    outcome_.events.push_back(describe(facts));
    asked_ = "end";
    asked_what_ = "*";
    if (manner_.later) return Decision::later();
    const Decision decision = decide("end", "*");
    apply("end", decision);
    return decision;
}

void Peer::on_abort() {
    EXPECT_TRUE(open_) << "on_abort without an open transaction";
    open_ = false;
    outcome_.events.emplace_back("abort");
}

void Peer::on_violation(std::string_view rule, const Reply& reply) {
    EXPECT_GE(reply.code, 400);
    outcome_.violations.emplace_back(rule);
}

Outcome run(const Script& script, Manner manner, const std::vector<std::size_t>& cuts) {
    Peer peer(script, manner);
    peer.start();
    std::vector<std::size_t> stops = cuts;
    for (const ControlPoint& point : script.controls)
        stops.push_back(point.offset);
    stops.push_back(script.client.size());
    std::sort(stops.begin(), stops.end());
    std::size_t from = 0;
    std::size_t next_control = 0;
    for (const std::size_t stop : stops) {
        if (stop > from) peer.receive(std::string_view(script.client).substr(from, stop - from));
        from = stop;
        while (next_control < script.controls.size() && script.controls[next_control].offset == stop) {
            peer.control(script.controls[next_control++].control);
        }
    }
    return peer.outcome();
}

Outcome expected(const Script& script, const Outcome& actual) {
    return {script.replies, script.stored, script.events.empty() ? actual.events : script.events,
            script.violations, script.end};
}

}  // namespace ringmx::golden
