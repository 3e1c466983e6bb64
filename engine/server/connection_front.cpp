// Clients whom somebody else names: the PROXY header in front of a connection (proxy-protocol.txt), XCLIENT
// within a session (Postfix's XCLIENT_README). What they say replaces what the socket says, for everything
// that asks who the client is; the socket's own peer is kept for the log.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"
#include "server/transaction_log.hpp"

namespace ringmx::server {

namespace {

admin::Counter& counter_of(admin::CoreCounters& counters, proxy::Failure failure) {
    switch (failure) {
        case proxy::Failure::absent:
            return counters.proxy_failed_absent;
        case proxy::Failure::too_long:
            return counters.proxy_failed_too_long;
        case proxy::Failure::checksum:
            return counters.proxy_failed_checksum;
        case proxy::Failure::none:
        case proxy::Failure::malformed:
            break;
    }
    return counters.proxy_failed_malformed;
}

// As the envelope has it of our own TLS; a proxy need not tell the suite.
std::string tls_text_of(const proxy::TlsFacts& tls) {
    if (!tls.active) return {};
    std::string text(tls.version.empty() ? "TLS" : tls.version);
    if (!tls.cipher.empty()) text.append(" ").append(tls.cipher);
    return text;
}

// An attribute of XCLIENT replaces what was told before, or ends it.
void keep(const smtp::XclientText& told, std::string& kept) {
    if (told.given == smtp::XclientText::Given::no) return;
    kept = told.given == smtp::XclientText::Given::yes ? told.text() : std::string_view{};
}

}  // namespace

// --- the PROXY header
// ------------------------------------------------------------------------------------------------

void Connection::begin_behind_proxy(bool tls_first) {
    front_ = std::make_unique<Front>();
    front_->via = peer_;
    front_->tls_first = tls_first;
    front_->decoder = std::make_unique<proxy::Decoder>();
    first_receive_ = false;  // the proxy speaks first, and has already, mostly
    set_deadline(core_.now().mono_ns + core_.proxy_header_timeout_ns());
    settle();
}

void Connection::take_proxy_header(Bytes data) {
    proxy::Decoder& decoder = *front_->decoder;
    const std::size_t taken = decoder.feed(data);
    switch (decoder.state()) {
        case proxy::Decoder::State::more:
            return;
        case proxy::Decoder::State::failed:
            return proxy_header_failed(counter_of(core_.counters(), decoder.failure()),
                                       proxy::to_string(decoder.failure()),
                                       proxy::describe(decoder.failure()));
        case proxy::Decoder::State::done:
            break;
    }
    proxy_header_done(decoder.header());
    // What stands behind the header is the client's.
    const Bytes rest = data.subspan(taken);
    if (rest.empty() || phase_ != Phase::open) return;
    tls_ ? take_ciphertext(rest) : take_input(rest);
}

void Connection::proxy_header_done(const proxy::Header& header) {
    const bool tls_first = front_->tls_first;
    if (header.client.family == PeerAddress::Family::none) {
        core_.counters().proxy_own.add(1);
        front_.reset();
    } else {
        core_.counters().proxy_clients.add(1);
        peer_ = header.client;
        front_->destination = header.destination;
        front_->tls = tls_text_of(header.tls);
        if (header.tls.active) {
            front_->tls_client_name = header.tls.client_name;
            front_->tls_client_verified = header.tls.client_verified;
        }
        front_->authority = header.authority;
        front_->unique_id = header.unique_id;
        treat_by_address();
        front_->decoder.reset();  // and with it the header
    }
    tls_first ? begin_tls() : begin();
}

// The way of TLS that ended at the proxy is done: STARTTLS in it would be TLS within TLS.
void Connection::treat_by_address() {
    const bool tls_done = front_ && !front_->tls.empty();
    session_.treat(core_.bare_newline_for(peer_), tls_done ? smtp::TlsUse::none : core_.tls_use_for(peer_));
}

void Connection::proxy_header_failed(admin::Counter& counter, std::string_view reason,
                                     std::string_view text) {
    counter.add(1);
    admin::EventRecord record = event_record(core_, "proxy_failed", peer_);
    record.level = admin::LogLevel::warning;
    record.detail = reason;
    record.text = text;
    core_.log().write(record);
    front_.reset();
    session_.on_disconnect();
}

void Connection::proxy_header_timed_out() {
    proxy_header_failed(core_.counters().proxy_failed_timed_out, "timed-out",
                        "no whole PROXY header within timeouts.proxy_header");
}

// Somebody who only looks whether the port is open says nothing at all, and is no failure.
void Connection::proxy_header_lost() {
    if (front_->decoder->has_begun()) {
        return proxy_header_failed(core_.counters().proxy_failed_lost, "lost",
                                   "the connection has ended within the PROXY header");
    }
    core_.counters().proxy_silent.add(1);
    front_.reset();
    session_.on_disconnect();
}

// --- XCLIENT
// ---------------------------------------------------------------------------------------------------------

Decision Connection::on_xclient(const smtp::XclientCommand& command) {
    core_.counters().xclient_commands.add(1);
    core_.policy().on_disconnect(ticket());  // a new client is to connect
    if (!front_) {
        front_ = std::make_unique<Front>();
        front_->via = peer_;
    }
    Front& front = *front_;
    if (command.address) {
        const std::uint16_t port = command.address->family == PeerAddress::Family::none ? 0 : peer_.port;
        peer_ = *command.address;
        peer_.port = port;
        // A certificate is that of the MTA in front, or of the client before.
        if (tls_) tls_->client.reset();
        front.tls_client_name.clear();
        front.tls_client_verified = false;
    }
    if (command.port) peer_.port = *command.port;
    if (command.destination) {
        const std::uint16_t port = front.destination.port;
        front.destination = *command.destination;
        front.destination.port = port;
    }
    if (command.destination_port) front.destination.port = *command.destination_port;
    keep(command.name, front.host);
    keep(command.helo, front.helo);
    keep(command.login, front.login);
    if (command.extended) front.extended = command.extended;
    // What the MTA in front has said of itself.
    name_length_ = 0;
    long_name_.reset();
    extended_ = false;
    treat_by_address();
    if (command.address) admit();  // on_connect tells it if it may not stay
    return Decision::accept();
}

// --- what others are told
// --------------------------------------------------------------------------------------------

admin::LogClient Connection::log_client() const {
    return {peer_, front_ ? front_->via : PeerAddress{}};
}

// What XCLIENT says of the client's name and protocol stands over what the MTA in front says in EHLO.
bool Connection::is_extended() const {
    return front_ && front_->extended ? *front_->extended : extended_;
}

void Connection::add_front_facts(policy::ClientFacts& facts) const {
    facts.via = front_->via;
    facts.destination = front_->destination;
    facts.host = front_->host;
    facts.login = front_->login;
    facts.authority = front_->authority;
    facts.unique_id = front_->unique_id;
    if (!front_->helo.empty()) facts.name = front_->helo;
    if (front_->extended) facts.extended = *front_->extended;
    if (front_->tls.empty()) return;
    const std::string_view tls = front_->tls;
    const std::size_t blank = std::min(tls.find(' '), tls.size());
    facts.tls = facts.tls_at_proxy = true;
    facts.tls_version = tls.substr(0, blank);
    facts.tls_cipher = tls.substr(std::min(blank + 1, tls.size()));
    facts.tls_client_sha256 = {};
    facts.tls_client_subject = {};
    facts.tls_client_problem = {};
    facts.tls_client_name = front_->tls_client_name;
    facts.tls_client_verified = front_->tls_client_verified;
}

}  // namespace ringmx::server
