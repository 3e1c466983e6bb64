// TLS on a connection (server/tls_transport.hpp): the handshake and its turns, decryption in front of the
// session, encryption behind it, and the ends. RFC 3207, RFC 8446 §6.1.
//
// While the handshake runs, what is held is ciphertext that waits for its turn; afterwards it is plaintext,
// as on any connection. Plaintext that the session has no room for stays in the channel if that has taken all
// ciphertext, else it is held.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"
#include "server/transaction_log.hpp"

namespace ringmx::server {

namespace {

constexpr std::size_t kTlsClientOctets = 32 + 255;  // SHA-256 and subject of tls::ClientCertificate

admin::Counter& counter_of(admin::CoreCounters& counters, tls::Failure failure) {
    switch (failure) {
        case tls::Failure::not_tls:
            return counters.tls_failed_not_tls;
        case tls::Failure::version:
            return counters.tls_failed_version;
        case tls::Failure::no_shared_cipher:
            return counters.tls_failed_no_shared_cipher;
        case tls::Failure::alert:
            return counters.tls_failed_alert;
        case tls::Failure::timed_out:
            return counters.tls_failed_timed_out;
        case tls::Failure::lost:
            return counters.tls_failed_lost;
        case tls::Failure::none:
        case tls::Failure::protocol:
        case tls::Failure::memory:
            break;
    }
    return counters.tls_failed_other;
}

std::unique_ptr<TlsTransport> make_transport(Core& core) {
    auto context = core.tls_context();
    if (!context) return nullptr;
    auto channel = tls::Channel::accept(std::move(context));
    if (!channel) return nullptr;
    auto transport = std::make_unique<TlsTransport>();
    transport->channel = std::move(channel);
    return transport;
}

}  // namespace

// --- the beginning
// -----------------------------------------------------------------------------------------------------

void Connection::begin_tls() {
    if (!admit()) return begin_ending();  // before the handshake nothing can be said
    tls_ = make_transport(core_);
    if (!tls_) {
        core_.counters().tls_unavailable.add(1);
        return begin_ending();
    }
    expect_handshake();
    settle();
}

Decision Connection::on_starttls() {
    next_tls_ = make_transport(core_);
    if (next_tls_) return Decision::accept();
    core_.counters().tls_unavailable.add(1);
    return smtp::Handler::on_starttls();
}

// The session has said 220, and all input before it has been looked at: from here on it is ciphertext.
void Connection::start_tls() {
    tls_ = std::move(next_tls_);
    tls_->wire = std::exchange(output_, nullptr);
    expect_handshake();
}

void Connection::expect_handshake() {
    tls_->deadline_ns = core_.now().mono_ns + core_.handshake_timeout_ns();
    set_deadline(tls_->deadline_ns);
}

// --- input
// -------------------------------------------------------------------------------------------------------------

void Connection::take_ciphertext(Bytes data) {
    if (!tls_->shaking) return decrypt(data);
    const bool its_turn = tls_->under_way || !core_.handshakes_wait();  // who waits comes before who is new
    if (!tls_->queued && its_turn && core_.may_shake_hands() && may_begin_handshake()) return decrypt(data);
    hold(data);
    if (!std::exchange(tls_->queued, true)) core_.queue_handshake(slot_);
}

// A handshake takes three times the memory of what comes of it, so that only so many may be under way.
bool Connection::may_begin_handshake() {
    if (!tls_->under_way) tls_->under_way = core_.begin_handshake();
    return tls_->under_way;
}

void Connection::leave_handshake() {
    if (tls_ && std::exchange(tls_->under_way, false)) core_.end_handshake();
}

void Connection::shake_hands() {
    if (!may_begin_handshake()) return core_.await_handshake(slot_);
    tls_->queued = false;
    Chunk* chunk = std::exchange(held_first_, nullptr);
    held_last_ = nullptr;
    held_bytes_ = 0;
    while (chunk != nullptr) {
        Chunk* const next = chunk->next;
        decrypt(chunk->payload());
        core_.slabs().release(chunk);
        chunk = next;
    }
    settle();
}

void Connection::decrypt(Bytes data) {
    tls::Channel& channel = *tls_->channel;
    if (channel.state() == tls::Channel::State::failed) return;
    do {
        const Bytes before = data;
        const MutableBytes room = plaintext_room(!data.empty());
        if (room.empty()) return;  // go_on() comes back here
        const std::size_t got = channel.open(data, room);
        if (tls_->shaking && channel.has_output()) core_.handshake_step_done();
        if (channel.state() == tls::Channel::State::failed) {
            if (got > 0) take_input(room.first(got));
            return channel_failed(before);
        }
        if (tls_->shaking && channel.state() != tls::Channel::State::handshake) handshake_done();
        if (got > 0) take_input(room.first(got));
        if (channel.state() == tls::Channel::State::ended) {
            end_of_input_ = true;
            return;
        }
    } while (!data.empty() || (channel.has_plaintext() && session_.waiting() == smtp::Waiting::input));
}

// The peer has ended it, and nothing of it is left in the channel.
bool Connection::input_is_over() const {
    return end_of_input_ && !(tls_ && tls_->channel->has_plaintext());
}

bool Connection::takes_input() const {
    return held_first_ == nullptr && session_.waiting() == smtp::Waiting::input;
}

// Where the core's plaintext goes before the session sees it. In bulk mode no more than the message has room
// for, so that nothing need be held; none at all if there is no such room, unless there `must` be.
MutableBytes Connection::plaintext_room(bool must) {
    const MutableBytes room = core_.plaintext_room();
    if (!wants_bulk() || !takes_input()) return room;
    const std::size_t most = body_room().size();
    if (most == 0) return must ? room : MutableBytes{};
    return room.first(std::min(room.size(), most));
}

// How much ciphertext may be received without its plaintext having to be held: what the message has room for
// when none of a record is here yet; else what is missing of this record, whose plaintext may wait in the
// channel, unless there is room for all of it and more.
std::size_t Connection::ciphertext_octets(std::size_t room) const {
    const tls::Channel& channel = *tls_->channel;
    if (!channel.in_record()) return room;
    const std::size_t missing = std::max<std::size_t>(channel.octets_missing(), 1);
    return room > limits::tls_record_octets_max + missing ? room - limits::tls_record_octets_max : missing;
}

void Connection::handshake_done() {
    tls_->shaking = false;
    leave_handshake();
    tls_->facts = tls_->channel->facts();
    admin::CoreCounters& counters = core_.counters();
    (tls_->facts.resumed ? counters.tls_handshakes_resumed : counters.tls_handshakes_full).add(1);
    tls_->client = tls_->channel->client_certificate();
    if (tls_->client && tls_->client->verified) counters.tls_clients_verified.add(1);
    if (tls_->client && !tls_->client->problem.empty()) counters.tls_clients_unverified.add(1);
    const bool began_with_tls = !session_.wants_handshake();
    session_.on_tls();
    // What the client said before it said in clear.
    name_length_ = 0;
    long_name_.reset();
    extended_ = false;
    touch();
    if (began_with_tls) session_.start();
}

// --- output
// ------------------------------------------------------------------------------------------------------------

// The session has ended: close_notify goes behind its last reply, unless the client has broken off without
// its own, and hears nothing any more.
void Connection::say_farewell() {
    const bool broken_off = end_of_input_ && tls_->channel->state() != tls::Channel::State::ended;
    tls_->farewell = !broken_off;
}

bool Connection::has_output() const {
    if (!tls_) return output_ != nullptr;
    return output_ != nullptr || tls_->wire != nullptr || tls_->farewell || tls_->channel->has_output();
}

// Makes ciphertext of what there is to say: as much as the wire's chunk has room for.
void Connection::seal_replies() {
    tls::Channel& channel = *tls_->channel;
    Chunk*& wire = tls_->wire;
    for (;;) {
        Bytes replies = output_ == nullptr ? Bytes{} : output_->payload();
        if (replies.empty() && !channel.has_output()) {
            if (!std::exchange(tls_->farewell, false)) return;
            channel.close();
            continue;
        }
        if (wire == nullptr) {
            wire = core_.slabs().acquire_reserved(ChunkClass::small);
            if (wire == nullptr) return core_.queue_starved(slot_);
            wire->begin = wire->end = 0;
        }
        const std::size_t octets = channel.seal(replies, wire->room());
        wire->end += static_cast<std::uint32_t>(octets);
        if (output_ != nullptr) {
            output_->begin = output_->end - static_cast<std::uint32_t>(replies.size());
            if (replies.empty() || channel.state() == tls::Channel::State::failed) drop_output();
        }
        if (octets == 0) break;
    }
    if (wire->payload().empty()) drop_wire();
    if (channel.state() == tls::Channel::State::failed && session_.waiting() != smtp::Waiting::closed) {
        channel_failed({});
        settle();
    }
}

void Connection::drop_wire() {
    if (wire() == nullptr) return;
    core_.slabs().release(wire());
    wire() = nullptr;
}

// --- ends
// ----------------------------------------------------------------------------------------------------------------

// `input` is what the channel took last.
void Connection::channel_failed(Bytes input) {
    const tls::Channel& channel = *tls_->channel;
    if (tls_->shaking) return handshake_failed(channel.failure(), channel.failure_text(), input);
    core_.counters().tls_broken.add(1);
    log_tls("tls_broken", channel.failure(), channel.failure_text());
    session_.on_disconnect();
    drop_output();
}

void Connection::handshake_failed(tls::Failure failure, std::string_view text, Bytes input) {
    counter_of(core_.counters(), failure).add(1);
    log_tls("tls_failed", failure, text);
    tls_->shaking = false;
    leave_handshake();
    drop_held();
    // Commands in clear behind STARTTLS: the session has the answer to them, in clear like them.
    if (failure == tls::Failure::not_tls && session_.wants_handshake()) {
        session_.feed(input);
        say_in_clear();
    }
    session_.on_disconnect();
}

void Connection::say_in_clear() {
    if (output_ == nullptr) return;
    Chunk*& to = tls_->wire;
    if (to == nullptr) {
        to = std::exchange(output_, nullptr);
        return;
    }
    const Bytes text = output_->payload();
    if (text.size() <= to->room().size()) {
        std::memcpy(to->room().data(), text.data(), text.size());
        to->end += static_cast<std::uint32_t>(text.size());
    }
    drop_output();
}

void Connection::log_tls(std::string_view event, tls::Failure failure, std::string_view text) {
    admin::EventRecord record = event_record(core_, event, log_client());
    record.detail = tls::to_string(failure);
    record.text = text;
    core_.log().write(record);
}

// --- what others are told
// --------------------------------------------------------------------------------------------

// "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty without TLS.
std::string_view Connection::tls_text(std::array<char, kTlsTextOctets>& buffer) const {
    if (session_.tls() != smtp::TlsUse::active) return {};
    const tls::ChannelFacts& facts = tls_->facts;
    const std::size_t version = facts.version.copy(buffer.data(), buffer.size() - 1);
    buffer[version] = ' ';
    const std::size_t at = version + 1;
    return {buffer.data(), at + facts.cipher.copy(buffer.data() + at, buffer.size() - at)};
}

void Connection::add_tls_facts(policy::ClientFacts& facts) const {
    if (session_.tls() != smtp::TlsUse::active) return;
    facts.tls = true;
    facts.tls_version = tls_->facts.version;
    facts.tls_cipher = tls_->facts.cipher;
    if (!tls_->client) return;
    facts.tls_client_sha256 = {reinterpret_cast<const char*>(tls_->client->sha256.data()),
                               tls_->client->sha256.size()};
    facts.tls_client_subject = tls_->client->subject;
    facts.tls_client_verified = tls_->client->verified;
    facts.tls_client_problem = tls_->client->problem;
}

// By us or, if its TLS ends there, by the proxy.
bool Connection::client_is_verified() const {
    if (front_ && !front_->tls.empty()) return front_->tls_client_verified;
    return session_.tls() == smtp::TlsUse::active && tls_->client && tls_->client->verified;
}

bool Connection::write_tls_client() {
    if (!tls_->client) return true;
    const tls::ClientCertificate& client = *tls_->client;
    std::array<std::byte, kTlsClientOctets> room;
    const auto digest = std::as_bytes(std::span(client.sha256));
    const Bytes subject = as_bytes(client.subject);
    auto end = std::copy(digest.begin(), digest.end(), room.begin());
    end = std::copy(subject.begin(), subject.end(), end);
    const Bytes shown(room.data(), static_cast<std::size_t>(end - room.begin()));
    MessagePool& pool = core_.messages();
    return pool.append_envelope(*message_, EnvelopeField::tls_client, shown) &&
           (client.problem.empty() ||
            pool.append_envelope(*message_, EnvelopeField::tls_client_problem, as_bytes(client.problem)));
}

}  // namespace ringmx::server
