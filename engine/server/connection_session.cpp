// The session's side of a connection: room for replies and mail data, and the decisions of a transaction,
// from policy and from storage.
#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "message/trace.hpp"
#include "server/connection.hpp"
#include "server/core.hpp"
#include "server/transaction_log.hpp"

namespace ringmx::server {

namespace {

constexpr Reply kNoStorage{452, {4, 3, 1}, "Insufficient system storage, try again later"};
constexpr Reply kTooManyRecipients{452, {4, 5, 3}, "Too many recipients"};
constexpr Reply kStorageError{451, {4, 3, 0}, "Storage error, try again later"};
constexpr Reply kVerdictOverdue{451, {4, 3, 0}, "No answer for this message in time, try again later"};

// Message data beyond this leaves for storage as it comes.
constexpr std::uint64_t kStreamFromOctets = 2 * limits::chunk_large_bytes;

Bytes bytes_of(const auto& value) {
    return {reinterpret_cast<const std::byte*>(&value), sizeof value};
}

std::uint32_t flags_of(const smtp::MailCommand& command, bool extended) {
    std::uint32_t flags = extended ? envelope_flags::esmtp : 0;
    if (command.smtputf8) flags |= envelope_flags::smtputf8;
    if (command.requiretls) flags |= envelope_flags::requiretls;
    if (command.body == smtp::BodyType::eight_bit_mime) flags |= envelope_flags::body_8bit;
    if (command.body == smtp::BodyType::binary_mime) flags |= envelope_flags::body_binary;
    return flags;
}

}  // namespace

// --- room
// --------------------------------------------------------------------------------------------------------

MutableBytes Connection::reply_room(std::size_t octets) {
    if (output_ != nullptr && output_->room().size() >= octets) return output_->room();
    if (output_ != nullptr) {
        // Full: on_send gives it back. Until then the session waits, and with it the client's further
        // commands.
        queue_send();
        return {};
    }
    output_ = core_.slabs().acquire_reserved(ChunkClass::small);
    if (output_ == nullptr) {
        core_.queue_starved(slot_);
        return {};
    }
    output_->begin = output_->end = 0;
    return output_->room();
}

void Connection::reply_written(std::size_t octets) {
    admin::CoreCounters& counters = core_.counters();
    switch (static_cast<char>(output_->memory[output_->end])) {
        case '2':
            counters.replies_2xx.add();
            break;
        case '3':
            counters.replies_3xx.add();
            break;
        case '4':
            counters.replies_4xx.add();
            break;
        default:
            counters.replies_5xx.add();
            break;
    }
    output_->end += static_cast<std::uint32_t>(octets);
}

MutableBytes Connection::body_room() {
    Message& message = *message_;
    if (message.part_failed) {
        // What storage has lost cannot be completed: the rest is read over and over into the last chunk.
        if (message.last == nullptr) {
            if (core_.messages().body_room(message).empty()) core_.queue_starved(slot_);
            return message.last == nullptr ? MutableBytes{} : message.last->room();
        }
        if (message.last->room().size() < limits::body_room_octets_min)
            message.last->end = message.last->begin;
        return message.last->room();
    }
    if (message.last == nullptr || message.last->room().size() < limits::body_room_octets_min) {
        stream_full_chunks();
        if (message.parts_in_flight >= limits::parts_in_flight_max) {
            stalled_ = true;
            return {};  // part_done goes on
        }
    }
    const MutableBytes room = core_.messages().body_room(message);
    if (room.empty()) {
        stalled_ = true;
        if (core_.streams()) {
            give_up_full_chunks();
        } else if (core_.storage_is_idle()) {
            return give_up_message();
        }
        core_.queue_starved(slot_);
    }
    return room;
}

std::uint32_t Connection::body_crc() {
    return MessagePool::body_crc(*message_);
}

void Connection::body_written(std::size_t octets, std::uint32_t crc) {
    MessagePool::body_written(*message_, octets, crc);
}

// Nobody may wait for memory while holding what is full: if all did, none would ever go on.
void Connection::give_up_full_chunks() {
    while (message_->first != nullptr && message_->parts_in_flight < limits::parts_in_flight_max) {
        submit_part(message_->first == message_->last ? MessagePool::detach_last_chunk(*message_)
                                                      : MessagePool::detach_full_chunk(*message_));
    }
}

// Storage takes whole messages only, has none, and this one finds no memory for more: others wait for memory,
// too, and none of them may ever become whole. This one makes way; its rest is read and refused.
MutableBytes Connection::give_up_message() {
    core_.counters().memory_refusals.add(1);
    Message& message = *message_;
    keep_envelope(*message.first);
    message.part_failed = true;
    while (message.first != message.last) {
        Chunk* const chunk = message.first;
        message.first = chunk->next;
        core_.slabs().release(chunk);
    }
    message.last->end = message.last->begin;
    return message.last->room();
}

// Large messages leave as they come; when memory is short, every message does.
void Connection::stream_full_chunks() {
    if (message_ == nullptr || question_ == Question::store || !core_.streams() || message_->part_failed)
        return;
    if (message_->body_bytes < kStreamFromOctets && !core_.memory_is_short()) return;
    while (message_->parts_in_flight < limits::parts_in_flight_max && message_->first != message_->last) {
        submit_part(MessagePool::detach_full_chunk(*message_));
    }
}

void Connection::submit_part(Chunk* chunk) {
    if (message_->parts_submitted == 0) keep_envelope(*chunk);
    ++message_->parts_submitted;
    ++message_->parts_in_flight;
    core_.submit({storage::StoreOp::part, message_, chunk});
}

// The log line wants the envelope, which leaves with the first chunk. It does without if there is no memory.
void Connection::keep_envelope(const Chunk& first) {
    Chunk* const copy = message_->envelope_copy = core_.slabs().acquire(ChunkClass::small);
    if (copy == nullptr) return;
    const Bytes envelope = first.payload().first(message_->envelope_bytes);
    const std::size_t count = std::min(envelope.size(), copy->room().size());
    std::memcpy(copy->room().data(), envelope.data(), count);
    copy->end += static_cast<std::uint32_t>(count);
}

// --- decisions
// -----------------------------------------------------------------------------------------------------

policy::Ticket Connection::ticket() {
    return {slot_, generation_, questions_asked_};
}

policy::ClientFacts Connection::client_facts() const {
    policy::ClientFacts facts{peer_, client_name(), extended_};
    if (tls_) add_tls_facts(facts);
    if (front_) add_front_facts(facts);
    return facts;
}

Decision Connection::ask(Question question, const Decision& decision) {
    if (decision.kind == Decision::Kind::later) question_ = question;
    return decision;
}

Decision Connection::on_connect() {
    // Of the connection's own client, as the socket or the PROXY header has it: XCLIENT gives it to no other.
    const bool first = questions_asked_ == 0;
    if (first && core_.takes_xclient(peer_)) session_.allow_xclient();
    if (refused_ != admission::Limit::none) return refuse_connect();
    return first && delays_banner() ? Decision::later() : ask_connect();
}

Decision Connection::ask_connect() {
    ++questions_asked_;
    return ask(Question::connect, core_.policy().on_connect(ticket(), client_facts()));
}

// A name that is not accepted leaves the old one (RFC 5321 §4.1.4).
Decision Connection::on_hello(const smtp::Hello& hello) {
    ++questions_asked_;
    policy::ClientFacts facts{peer_, hello.name, hello.extended};
    if (tls_) add_tls_facts(facts);
    if (front_) add_front_facts(facts);
    const Decision decision = ask(Question::hello, core_.policy().on_hello(ticket(), facts));
    if (decision.kind == Decision::Kind::accept) {
        keep_client_name(hello.name);
        extended_ = hello.extended;
    } else if (decision.kind == Decision::Kind::later) {
        offered_name_ = std::make_unique<std::string>(hello.name);
        offered_extended_ = hello.extended;
    }
    return decision;
}

Decision Connection::on_mail(const smtp::MailCommand& command) {
    if (const Reply* refusal = over_rate(admission::Rate::messages)) return Decision::reject(*refusal);
    if (!core_.accepting()) {
        core_.counters().storage_refusals.add(1);
        return sender_refused(Decision::reject(kNoStorage), command.reverse_path.address);
    }
    message_ = core_.messages().acquire(core_.next_id());
    if (message_ == nullptr || !write_envelope_head(command)) {
        if (message_ != nullptr) core_.messages().release(message_);
        message_ = nullptr;
        core_.counters().memory_refusals.add(1);
        return sender_refused(Decision::reject(kNoStorage), command.reverse_path.address);
    }
    message_->connection_slot = slot_;
    message_->connection_generation = generation_;
    message_->begun_ns = core_.now().mono_ns;
    core_.counters().messages_begun.add(1);
    ++questions_asked_;
    const policy::MailFacts facts{command.reverse_path.address, command.reverse_path.domain,
                                  command.size.value_or(0), command.smtputf8};
    const Decision decision = ask(Question::mail, core_.policy().on_mail(ticket(), client_facts(), facts));
    if (decision.kind == Decision::Kind::reject || decision.kind == Decision::Kind::disconnect) {
        core_.messages().release(message_);
        message_ = nullptr;
        return sender_refused(decision, command.reverse_path.address);
    }
    return decision;
}

Decision Connection::sender_refused(const Decision& decision, std::string_view reverse_path) {
    log_refusal(core_, "sender_refused", reverse_path, log_client(), decision.reply);
    return decision;
}

bool Connection::write_envelope_head(const smtp::MailCommand& command) {
    MessagePool& pool = core_.messages();
    std::byte client[20];
    encode_client(client, peer_);
    std::array<char, kTlsTextOctets> buffer;
    const bool at_proxy = front_ && !front_->tls.empty();
    const std::string_view tls = at_proxy ? front_->tls : tls_ ? tls_text(buffer) : std::string_view{};
    const std::uint32_t flags = flags_of(command, is_extended()) | (tls.empty() ? 0 : envelope_flags::tls) |
                                (at_proxy ? envelope_flags::tls_at_proxy : 0) |
                                (client_is_verified() ? envelope_flags::tls_client_verified : 0);
    message_->flags = flags;
    bool ok =
        pool.append_envelope(*message_, EnvelopeField::client, client) &&
        pool.append_envelope(*message_, EnvelopeField::client_name, as_bytes(client_name())) &&
        pool.append_envelope(*message_, EnvelopeField::flags, bytes_of(flags)) &&
        (tls.empty() || pool.append_envelope(*message_, EnvelopeField::tls, as_bytes(tls))) &&
        (tls.empty() || at_proxy || write_tls_client()) &&
        pool.append_envelope(*message_, EnvelopeField::received_us, bytes_of(core_.now().wall_us)) &&
        pool.append_envelope(*message_, EnvelopeField::reverse_path, as_bytes(command.reverse_path.address));
    if (ok && command.size) {
        message_->declared_bytes = *command.size;
        ok = pool.append_envelope(*message_, EnvelopeField::declared_size, bytes_of(*command.size));
    }
    if (ok && !command.envid.empty()) {
        ok = pool.append_envelope(*message_, EnvelopeField::envid, as_bytes(command.envid));
    }
    if (ok && command.ret != smtp::DsnReturn::unspecified) {
        const std::uint8_t ret = command.ret == smtp::DsnReturn::full ? 1 : 2;
        ok = pool.append_envelope(*message_, EnvelopeField::ret, bytes_of(ret));
    }
    return ok;
}

Decision Connection::on_rcpt(const smtp::RcptCommand& command) {
    if (const Reply* refusal = over_recipients()) return Decision::reject(*refusal);
    MessagePool& pool = core_.messages();
    envelope_before_ = message_->envelope_bytes;
    bool ok =
        pool.append_envelope(*message_, EnvelopeField::forward_path, as_bytes(command.forward_path.address));
    if (ok && !command.orcpt.empty()) {
        ok = pool.append_envelope(*message_, EnvelopeField::orcpt, as_bytes(command.orcpt));
    }
    if (ok && command.notify != 0) {
        ok = pool.append_envelope(*message_, EnvelopeField::notify, bytes_of(command.notify));
    }
    if (!ok) {
        pool.truncate_envelope(*message_, envelope_before_);
        log_refusal(core_, "recipient_refused", command.forward_path.address, log_client(),
                    kTooManyRecipients);
        return Decision::reject(kTooManyRecipients);
    }
    ++questions_asked_;
    policy::MailFacts mail{};
    if (const auto path = find_envelope_field(message_->envelope(), EnvelopeField::reverse_path)) {
        mail.reverse_path = as_text(*path);
        const std::size_t at = mail.reverse_path.rfind('@');
        if (at != std::string_view::npos) mail.domain = mail.reverse_path.substr(at + 1);
    }
    mail.declared_size = message_->declared_bytes;
    mail.smtputf8 = (message_->flags & envelope_flags::smtputf8) != 0;
    const policy::RecipientFacts facts{command.forward_path.address, command.forward_path.local_part,
                                       command.forward_path.domain, message_->recipients};
    return recipient_decided(
        ask(Question::recipient, core_.policy().on_recipient(ticket(), client_facts(), mail, facts)));
}

Decision Connection::recipient_decided(const Decision& decision) {
    if (decision.kind == Decision::Kind::accept) {
        ++message_->recipients;
        core_.counters().recipients_accepted.add(1);
    }
    if (decision.kind == Decision::Kind::reject || decision.kind == Decision::Kind::disconnect) {
        const Bytes added = message_->envelope().subspan(envelope_before_);
        const auto path = find_envelope_field(added, EnvelopeField::forward_path);
        log_refusal(core_, "recipient_refused", path ? as_text(*path) : std::string_view{}, log_client(),
                    decision.reply);
        core_.messages().truncate_envelope(*message_, envelope_before_);
        core_.counters().recipients_refused.add(1);
        count_recipient_refused(decision.reply);
    }
    return decision;
}

Decision Connection::on_data(smtp::DataKind) {
    ++questions_asked_;
    const Decision decision =
        ask(Question::data, core_.policy().on_data(ticket(), client_facts(), *message_));
    return decision.kind == Decision::Kind::accept ? begin_mail_data() : decision;
}

Decision Connection::begin_mail_data() {
    std::array<char, kTlsTextOctets> tls;
    TraceFacts facts;
    if (tls_) facts.tls = tls_text(tls);
    if (front_) {
        facts.client_host = front_->host;
        if (!front_->tls.empty()) facts.tls = front_->tls;
    }
    facts.client_name = client_name();
    facts.client = peer_;
    facts.hostname = core_.hostname();
    facts.id = message_->id;
    facts.flags = message_->flags;
    facts.date = core_.date();
    if (message_->recipients == 1) {
        if (const auto path = find_envelope_field(message_->envelope(), EnvelopeField::forward_path)) {
            facts.recipient = as_text(*path);
        }
    }
    std::byte trace[kTraceBytesMax];
    const std::size_t length = write_received_header(trace, facts);
    const std::uint64_t expected = std::max(message_->declared_bytes, session_.body_octets_expected());
    if (!core_.messages().begin_body(*message_, Bytes{trace, length}, expected)) {
        core_.counters().memory_refusals.add(1);
        return Decision::reject(kNoStorage);
    }
    message_->data_ns = core_.now().mono_ns;
    return Decision::accept();
}

Decision Connection::on_end_of_data(const smtp::DataFacts&) {
    ++questions_asked_;
    const Decision decision =
        ask(Question::end_of_data, core_.policy().on_end_of_data(ticket(), client_facts(), *message_));
    if (decision.kind == Decision::Kind::accept) return submit_message();
    if (decision.kind != Decision::Kind::later) refuse_message(decision.reply);
    return decision;
}

Decision Connection::submit_message() {
    message_->submitted_ns = core_.now().mono_ns;
    if (message_->part_failed) {
        const Reply& why = core_.streams() ? kStorageError : kNoStorage;
        core_.counters().messages_failed.add(1);
        refuse_message(why);
        return Decision::reject(why);
    }
    question_ = Question::store;
    core_.submit({storage::StoreOp::commit, message_, nullptr});
    return Decision::later();
}

void Connection::refuse_message(const Reply& reply) {
    core_.counters().messages_refused.add(1);
    log_outcome(reply, admin::TransactionEnd::refused);
    drop_message();
}

// Storage has answered for message_; it is ours again.
void Connection::on_stored() {
    RMX_ASSERT(question_ == Question::store);
    question_ = Question::none;
    const auto status = static_cast<storage::StoreStatus>(message_->outcome);
    char text[limits::completion_text_octets_max];  // storage's own goes with the message
    static_assert(sizeof text >= MessageId::kTextLength + 16);
    Decision decision;
    if (status == storage::StoreStatus::stored) {
        constexpr std::string_view prefix = "stored as ";
        const MessageId::Text id = message_->id.text();
        std::memcpy(text, prefix.data(), prefix.size());
        std::memcpy(text + prefix.size(), id.data(), id.size());
        decision = Decision::accept({250, {2, 0, 0}, {text, prefix.size() + id.size()}});
        core_.counters().messages_stored.add(1);
        core_.counters().bytes_stored.add(message_->total_bytes());
    } else {
        const std::string_view why(text, message_->outcome_text.copy(text, sizeof text));
        decision = Decision::reject(status == storage::StoreStatus::full     ? Reply{452, {4, 3, 1}, why}
                                    : status == storage::StoreStatus::reject ? Reply{554, {5, 3, 0}, why}
                                                                             : Reply{451, {4, 3, 0}, why});
        core_.counters().messages_failed.add(1);
    }
    log_outcome(decision.reply, status == storage::StoreStatus::stored ? admin::TransactionEnd::stored
                                                                       : admin::TransactionEnd::refused);
    core_.messages().release(message_);
    message_ = nullptr;
    session_.on_decision(decision);
    touch();
    feed_held();
    settle();
}

// Policy or storage has not answered for a complete message within timeouts.end_of_data. The client is told
// to come back, and goes on. A message that storage still has is released when it comes back; should it be
// stored after all, the client's second attempt is a duplicate. RFC 5321 §4.2.5 would have it dropped, which
// no backend can do to what it is just making durable: a duplicate is the lesser evil (docs/protocol.md).
void Connection::verdict_overdue() {
    core_.counters().verdicts_overdue.add(1);
    refuse_message(kVerdictOverdue);
    session_.on_decision(Decision::reject(kVerdictOverdue));
    touch();
    feed_held();
}

void Connection::on_policy_answer(const policy::Ticket& to, const Decision& answer) {
    if (phase_ != Phase::open || to.sequence != questions_asked_ || question_ == Question::none) return;
    if (question_ == Question::store || question_ == Question::banner) return;
    // Ended in between, and only waiting for room for its last reply.
    if (session_.waiting() != smtp::Waiting::decision) return;
    const Question question = question_;
    question_ = Question::none;
    Decision decision = answer;
    const bool accepted = decision.kind == Decision::Kind::accept;
    if (question == Question::hello) {
        if (accepted) {
            keep_client_name(*offered_name_);
            extended_ = offered_extended_;
        }
        offered_name_.reset();
    } else if (question == Question::mail && !accepted) {
        const auto path = find_envelope_field(message_->envelope(), EnvelopeField::reverse_path);
        sender_refused(decision, path ? as_text(*path) : std::string_view{});
        core_.messages().release(message_);
        message_ = nullptr;
    } else if (question == Question::recipient) {
        decision = recipient_decided(decision);
    } else if (question == Question::data && accepted) {
        decision = begin_mail_data();
    } else if (question == Question::end_of_data) {
        if (accepted) {
            decision = submit_message();
        } else {
            refuse_message(decision.reply);
        }
    }
    touch();
    if (decision.kind == Decision::Kind::later) return;
    session_.on_decision(decision);
    touch();
    feed_held();
    settle();
}

void Connection::on_abort() {
    if (message_ == nullptr) return;
    core_.counters().messages_aborted.add(1);
    log_outcome({}, admin::TransactionEnd::aborted);
    drop_message();
}

// The session has ended. One that ends while policy still thinks about its MAIL does not abort what it never
// began.
void Connection::end_questions() {
    if (question_ == Question::mail) drop_message();
    if (questions_asked_ == 0) return;  // it has not got so far
    core_.policy().on_disconnect(ticket());
}

void Connection::log_outcome(const Reply& reply, admin::TransactionEnd end) {
    log_transaction(core_, *message_, log_client(), end, reply, question_ == Question::store);
}

void Connection::drop_message() {
    if (question_ == Question::store) {
        message_->orphaned = true;  // with storage, beyond recall; released when it comes back
    } else if (message_->parts_submitted > 0) {
        message_->orphaned = true;
        core_.submit({storage::StoreOp::abort, message_, nullptr});
    } else {
        core_.messages().release(message_);
    }
    message_ = nullptr;
    question_ = Question::none;
}

void Connection::on_violation(std::string_view rule, const Reply& reply) {
    core_.counters().violations.add(1);
    log_refusal(core_, "violation", rule, log_client(), reply);
    count_error(rule, reply);
}

// --- the client's name
// -------------------------------------------------------------------------------------------------

std::string_view Connection::client_name() const {
    if (front_ && !front_->helo.empty()) return front_->helo;
    return {long_name_ ? long_name_.get() : name_, name_length_};
}

void Connection::keep_client_name(std::string_view name) {
    name = name.substr(0, limits::domain_octets_min);
    name_length_ = static_cast<std::uint8_t>(name.size());
    if (name.size() <= kNameInline) {
        long_name_.reset();
        std::memcpy(name_, name.data(), name.size());
        return;
    }
    long_name_ = std::make_unique<char[]>(name.size());
    std::memcpy(long_name_.get(), name.data(), name.size());
}

}  // namespace ringmx::server
