#include "admin/log_format.hpp"

#include <algorithm>
#include <cstring>

#include "digest/sha256.hpp"
#include "message/envelope.hpp"

namespace ringmx::admin {

namespace {

void write_peer(JsonWriter& json, const PeerAddress& peer) {
    if (peer.family == PeerAddress::Family::none) return;
    std::array<char, 48> buffer;
    json.text("peer", peer.format(buffer));
    json.number("port", peer.port);
}

void write_via(JsonWriter& json, const PeerAddress& via) {
    if (via.family == PeerAddress::Family::none) return;
    std::array<char, 48> buffer;
    json.text("via", via.format(buffer));
    json.number("via_port", via.port);
}

void write_reply(JsonWriter& json, const Reply& reply) {
    if (reply.code == 0) return;
    json.number("code", reply.code);
    if (reply.status.klass != 0) {
        std::string status;  // at most 11 octets: no allocation
        append_number(status, reply.status.klass);
        status += '.';
        append_number(status, reply.status.subject);
        status += '.';
        append_number(status, reply.status.detail);
        json.text("status", status);
    }
    json.text("reply", reply.text);
}

std::string_view event_of(TransactionEnd end) {
    switch (end) {
        case TransactionEnd::stored:
        case TransactionEnd::stored_late:
            return "message";
        case TransactionEnd::refused:
            return "refused";
        case TransactionEnd::aborted:
            break;
    }
    return "aborted";
}

// The certificate that the client has shown.
void write_tls_client(JsonWriter& json, Bytes envelope, Bytes client) {
    Sha256::Digest digest{};
    if (client.size() < digest.size()) return;
    std::memcpy(digest.data(), client.data(), digest.size());
    json.text("tls_client", as_text(client.subspan(digest.size())));
    json.text("tls_client_sha256", to_hex(digest));
    if (const auto problem = find_envelope_field(envelope, EnvelopeField::tls_client_problem))
        json.text("tls_client_problem", as_text(*problem));
}

// What the envelope says. It may have been cut: a reader that runs into the cut has seen what there is.
void write_envelope(JsonWriter& json, Bytes envelope) {
    if (const auto name = find_envelope_field(envelope, EnvelopeField::client_name))
        json.text("helo", as_text(*name));
    if (const auto flags = find_envelope_field(envelope, EnvelopeField::flags); flags && flags->size() == 4) {
        const auto bits = load_le<std::uint32_t>(flags->data());
        json.boolean("esmtp", (bits & envelope_flags::esmtp) != 0);
        if ((bits & envelope_flags::smtputf8) != 0) json.boolean("smtputf8", true);
        if ((bits & envelope_flags::tls) != 0) json.boolean("tls", true);
        if ((bits & envelope_flags::tls_at_proxy) != 0) json.boolean("tls_at_proxy", true);
        if ((bits & envelope_flags::tls_client_verified) != 0) json.boolean("tls_client_verified", true);
        if ((bits & envelope_flags::requiretls) != 0) json.boolean("requiretls", true);
    }
    if (const auto tls = find_envelope_field(envelope, EnvelopeField::tls)) {
        const std::string_view text = as_text(*tls);
        const std::size_t blank = std::min(text.find(' '), text.size());
        json.text("tls_version", text.substr(0, blank));
        json.text("tls_cipher", text.substr(std::min(blank + 1, text.size())));
    }
    if (const auto client = find_envelope_field(envelope, EnvelopeField::tls_client))
        write_tls_client(json, envelope, *client);
    if (const auto path = find_envelope_field(envelope, EnvelopeField::reverse_path))
        json.text("from", as_text(*path));
    json.begin_array("to");
    EnvelopeReader reader(envelope);
    std::size_t shown = 0;
    while (const auto record = reader.next()) {
        if (record->field != EnvelopeField::forward_path) continue;
        json.element(as_text(record->value));
        if (++shown == kLogRecipientsShown) break;
    }
    json.end_array();
}

}  // namespace

std::string_view to_string(LogLevel level) {
    switch (level) {
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "";
}

void LogFormat::begin(JsonWriter& json, std::int64_t wall_us, LogLevel level, std::string_view event) {
    json.begin_object();
    time_text_.clear();
    time_.append(time_text_, wall_us);
    json.text("time", time_text_);
    json.text("level", to_string(level));
    json.text("event", event);
}

void LogFormat::append(std::string& out, const TransactionRecord& record) {
    JsonWriter json(out);
    begin(json, record.wall_us, LogLevel::info, event_of(record.end));
    json.text("id", as_text(record.id.text()));
    json.number("core", record.core);
    write_peer(json, record.peer);
    write_via(json, record.via);
    write_envelope(json, record.envelope);
    json.number("recipients", record.recipients);
    json.number("size", record.message_bytes);
    if (record.end == TransactionEnd::stored_late) json.boolean("late", true);
    write_reply(json, record.reply);
    json.text("backend", record.backend);
    json.text("durability", record.durability);
    json.milliseconds("receive_ms", record.receive_us);
    json.milliseconds("store_ms", record.store_us);
    json.milliseconds("total_ms", record.total_us);
    json.end_object();
    out += '\n';
}

void LogFormat::append(std::string& out, const EventRecord& record) {
    JsonWriter json(out);
    begin(json, record.wall_us, record.level, record.event);
    json.number("core", record.core);
    write_peer(json, record.peer);
    write_via(json, record.via);
    if (!record.detail.empty()) json.text("detail", record.detail);
    write_reply(json, record.reply);
    if (!record.text.empty()) json.text("text", record.text);
    json.end_object();
    out += '\n';
}

void LogFormat::append(std::string& out, std::int64_t wall_us, LogLevel level, std::string_view event,
                       std::string_view text, std::span<const LogField> fields) {
    JsonWriter json(out);
    begin(json, wall_us, level, event);
    for (const LogField& field : fields)
        json.text(field.name, field.value);
    if (!text.empty()) json.text("text", text);
    json.end_object();
    out += '\n';
}

}  // namespace ringmx::admin
