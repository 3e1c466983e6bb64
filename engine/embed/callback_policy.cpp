#include "embed/callback_policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.hpp"

namespace ringmx::embed {

namespace {

// IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), as backends see it.
std::array<std::uint8_t, 16> mapped(const PeerAddress& peer) {
    if (peer.family != PeerAddress::Family::ipv4) return peer.bytes;
    std::array<std::uint8_t, 16> octets{};
    octets[10] = octets[11] = 0xff;
    std::copy_n(peer.bytes.begin(), 4, octets.begin() + 12);
    return octets;
}

Mail to_public(const policy::MailFacts& facts) {
    return {facts.reverse_path, facts.domain, facts.declared_size, facts.smtputf8};
}

}  // namespace

CallbackPolicy::CallbackPolicy(unsigned core, std::shared_ptr<const Callbacks> callbacks,
                               std::unique_ptr<policy::Policy> configured)
    : core_(core),
      callbacks_(std::move(callbacks)),
      configured_(std::move(configured)),
      port_(std::make_shared<detail::AnswerPort>()) {}

void CallbackPolicy::attach(policy::Answers& answers) {
    answers_ = &answers;
    configured_->attach(*this);
    port_->attach(answers);
}

void CallbackPolicy::collect() {
    given_.clear();
    configured_->collect();
    port_->collect();
}

void CallbackPolicy::detach() {
    port_->detach();
    configured_->detach();
}

// What exists is for the callback to decide; it may take its time in turn.
void CallbackPolicy::answer(policy::Ticket ticket, const ringmx::Decision& decision) {
    const auto found = waiting_.find(ticket.slot);
    if (found == waiting_.end() || !found->second.is_of(ticket)) return answers_->answer(ticket, decision);
    const WaitingRecipient waiting = std::move(found->second);
    waiting_.erase(found);
    if (decision.kind != ringmx::Decision::Kind::accept) return answers_->answer(ticket, decision);
    if (ask_about(ticket, waiting.client(), waiting.mail(), waiting.recipient()).kind ==
        ringmx::Decision::Kind::later) {
        return;
    }
    given_.push_back(std::move(last_));
    answers_->answer(ticket, detail::to_engine(given_.back()));
}

// A slot has 24 bits and is used anew with another generation; the upper bits of the generation, which the
// core's number takes, are of no use before two hundred million connections of one slot.
std::uint64_t CallbackPolicy::session_of(const policy::Ticket& ticket) const {
    constexpr unsigned slot_bits = 24;
    constexpr unsigned core_bits = 12;
    const std::uint64_t generation = ticket.generation & ((1u << (64 - slot_bits - core_bits)) - 1);
    return core_ << (64 - core_bits) | generation << slot_bits | ticket.slot;
}

// noexcept: a callback that throws ends the process, as ringmx/engine.hpp says.
template <typename Callback, typename... Facts>
ringmx::Decision CallbackPolicy::ask(const Callback& callback, const policy::Ticket& question,
                                     const policy::ClientFacts& facts, const Facts&... others) noexcept {
    std::array<char, 48> text;
    Client client;
    client.session = session_of(question);
    client.address = facts.address.format(text);
    client.port = facts.address.port;
    client.address_octets = mapped(facts.address);
    client.name = facts.name;
    client.extended = facts.extended;
    client.tls = facts.tls;
    client.tls_version = facts.tls_version;
    client.tls_cipher = facts.tls_cipher;
    client.tls_at_proxy = facts.tls_at_proxy;
    client.tls_client_sha256 = facts.tls_client_sha256;
    client.tls_client_subject = facts.tls_client_subject;
    client.tls_client_verified = facts.tls_client_verified;
    client.tls_client_problem = facts.tls_client_problem;
    last_ = callback(detail::TicketMaker::make(port_, question), client, others...);
    return detail::to_engine(last_);
}

ringmx::Decision CallbackPolicy::on_connect(policy::Ticket ticket, const policy::ClientFacts& client) {
    if (!callbacks_->on_connect) return ringmx::Decision::accept();
    return ask(callbacks_->on_connect, ticket, client);
}

ringmx::Decision CallbackPolicy::on_hello(policy::Ticket ticket, const policy::ClientFacts& client) {
    if (!callbacks_->on_hello) return ringmx::Decision::accept();
    return ask(callbacks_->on_hello, ticket, client);
}

ringmx::Decision CallbackPolicy::on_mail(policy::Ticket ticket, const policy::ClientFacts& client,
                                         const policy::MailFacts& mail) {
    if (!callbacks_->on_mail) return ringmx::Decision::accept();
    return ask(callbacks_->on_mail, ticket, client, to_public(mail));
}

ringmx::Decision CallbackPolicy::on_recipient(policy::Ticket ticket, const policy::ClientFacts& client,
                                              const policy::MailFacts& mail,
                                              const policy::RecipientFacts& recipient) {
    const ringmx::Decision configured = configured_->on_recipient(ticket, client, mail, recipient);
    if (!callbacks_->on_recipient) return configured;
    if (configured.kind == ringmx::Decision::Kind::later)
        waiting_.insert_or_assign(ticket.slot, WaitingRecipient(ticket, client, mail, recipient));
    if (configured.kind != ringmx::Decision::Kind::accept) return configured;
    return ask_about(ticket, client, mail, recipient);
}

ringmx::Decision CallbackPolicy::ask_about(const policy::Ticket& ticket, const policy::ClientFacts& client,
                                           const policy::MailFacts& mail,
                                           const policy::RecipientFacts& recipient) {
    const Recipient asked{recipient.forward_path, recipient.local_part, recipient.domain,
                          recipient.accepted_before};
    return ask(callbacks_->on_recipient, ticket, client, to_public(mail), asked);
}

ringmx::Decision CallbackPolicy::on_data(policy::Ticket ticket, const policy::ClientFacts& client,
                                         const ringmx::Message& message) {
    if (!callbacks_->on_data) return ringmx::Decision::accept();
    return ask(callbacks_->on_data, ticket, client, transaction_of(message));
}

ringmx::Decision CallbackPolicy::on_end_of_data(policy::Ticket ticket, const policy::ClientFacts& client,
                                                const ringmx::Message& message) {
    if (!callbacks_->on_end_of_data) return ringmx::Decision::accept();
    return ask(callbacks_->on_end_of_data, ticket, client, transaction_of(message));
}

void CallbackPolicy::on_disconnect(policy::Ticket ticket) {
    waiting_.erase(ticket.slot);
    configured_->on_disconnect(ticket);
    if (!callbacks_->on_disconnect) return;
    const auto tell = [&]() noexcept { callbacks_->on_disconnect(session_of(ticket)); };
    tell();
}

Transaction CallbackPolicy::transaction_of(const ringmx::Message& message) {
    recipients_.clear();
    content_.clear();
    id_ = message.id.text();
    Transaction transaction;
    transaction.id = {id_.data(), id_.size()};
    transaction.octets = message.trace_bytes + message.body_bytes;
    transaction.whole = message.parts_submitted == 0;
    if (!transaction.whole) return transaction;

    EnvelopeReader reader(message.envelope());
    while (const auto record = reader.next()) {
        if (record->field == EnvelopeField::reverse_path) transaction.reverse_path = as_text(record->value);
        if (record->field == EnvelopeField::forward_path) recipients_.push_back(as_text(record->value));
    }
    std::size_t skip = message.envelope_bytes;
    for (const Chunk* chunk = message.first; chunk != nullptr; chunk = chunk->next) {
        const std::string_view payload = as_text(chunk->payload().subspan(skip));
        if (!payload.empty()) content_.push_back(payload);
        skip = 0;
    }
    transaction.recipients = recipients_;
    transaction.content = content_;
    return transaction;
}

}  // namespace ringmx::embed
