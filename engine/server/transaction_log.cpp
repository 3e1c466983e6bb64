#include "server/transaction_log.hpp"

#include "server/core.hpp"
#include "storage/backend.hpp"

namespace ringmx::server {

namespace {

// The first chunk may have left for storage; then the copy has the part that the log shows. Storage does not
// change what it is given (storage/backend.hpp), so the envelope may be read while it has the message.
Bytes envelope_of(const Message& message) {
    if (message.envelope_copy != nullptr) return message.envelope_copy->payload();
    if (message.parts_submitted > 0 || message.part_failed) return {};
    return message.envelope();
}

}  // namespace

void log_transaction(Core& core, const Message& message, const admin::LogClient& client,
                     admin::TransactionEnd end, const Reply& reply, bool with_storage) {
    const std::int64_t now_ns = core.now().mono_ns;
    admin::TransactionRecord record;
    record.wall_us = core.now().wall_us;
    record.core = core.index();
    record.id = message.id;
    record.peer = client.peer;
    record.via = client.via;
    record.envelope = envelope_of(message);
    record.recipients = message.recipients;
    record.message_bytes = message.trace_bytes + message.body_bytes;
    record.reply = reply;
    record.end = end;
    const bool said = !with_storage && !message.stored_by.empty();
    record.backend = said ? message.stored_by : core.traits().name;
    record.durability = said ? message.stored_durability : storage::to_string(core.traits().durability);
    const std::int64_t submitted_ns = message.submitted_ns != 0 ? message.submitted_ns : now_ns;
    record.receive_us = (submitted_ns - message.begun_ns) / kNsPerUs;
    record.store_us = (now_ns - submitted_ns) / kNsPerUs;
    record.total_us = (now_ns - message.begun_ns) / kNsPerUs;
    core.log().write(record);
}

void log_stored_late(Core& core, const Message& message) {
    PeerAddress peer;
    if (const auto client = find_envelope_field(envelope_of(message), EnvelopeField::client))
        peer = decode_client(*client).value_or(PeerAddress{});
    log_transaction(core, message, peer, admin::TransactionEnd::stored_late, {});
}

admin::EventRecord event_record(const Core& core, std::string_view event) {
    admin::EventRecord record;
    record.wall_us = core.now().wall_us;
    record.core = core.index();
    record.event = event;
    return record;
}

admin::EventRecord event_record(const Core& core, std::string_view event, const admin::LogClient& client) {
    admin::EventRecord record = event_record(core, event);
    record.peer = client.peer;
    record.via = client.via;
    return record;
}

void log_refusal(Core& core, std::string_view event, std::string_view detail, const admin::LogClient& client,
                 const Reply& reply) {
    admin::EventRecord record = event_record(core, event, client);
    record.detail = detail;
    record.reply = reply;
    core.log().write(record);
}

}  // namespace ringmx::server
