// What a connection writes into its core's log ring: one record per transaction, and one per violation.
#include "server/connection.hpp"
#include "server/core.hpp"
#include "storage/backend.hpp"

namespace ringmx::server {

void Connection::log_outcome(const Reply& reply, bool stored) {
    const Message& message = *message_;
    const std::int64_t now_ns = core_.now().mono_ns;
    admin::TransactionRecord record;
    record.wall_us = core_.now().wall_us;
    record.core = core_.index();
    record.id = message.id;
    record.peer = peer_;
    // The first chunk may have left for storage; then the kept copy has the part that the log shows.
    if (kept_envelope_ != nullptr) {
        record.envelope = kept_envelope_->payload();
    } else if (message.parts_submitted == 0 && !message.part_failed) {
        record.envelope = message.envelope();
    }
    record.recipients = message.recipients;
    record.message_bytes = message.trace_bytes + message.body_bytes;
    record.reply = reply;
    record.stored = stored;
    record.backend = core_.traits().name;
    record.durability = storage::to_string(core_.traits().durability);
    const std::int64_t submitted_ns = message.submitted_ns != 0 ? message.submitted_ns : now_ns;
    record.receive_us = (submitted_ns - message.begun_ns) / kNsPerUs;
    record.store_us = (now_ns - submitted_ns) / kNsPerUs;
    record.total_us = (now_ns - message.begun_ns) / kNsPerUs;
    core_.log().write(record);
}

void Connection::log_violation(std::string_view rule, const Reply& reply) {
    admin::EventRecord record;
    record.wall_us = core_.now().wall_us;
    record.core = core_.index();
    record.event = "violation";
    record.detail = rule;
    record.peer = peer_;
    record.reply = reply;
    core_.log().write(record);
}

}  // namespace ringmx::server
