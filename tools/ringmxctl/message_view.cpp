#include "message_view.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "admin/json.hpp"
#include "base/clock.hpp"
#include "digest/sha256.hpp"
#include "message/envelope.hpp"

namespace ringmx::ctl {

namespace {

using admin::JsonWriter;
using storage::spool::StoredMessage;

constexpr int kAddressColumns = 28;  // of the table; longer addresses push the line out

template <typename T>
T integer_of(Bytes value) {
    return value.size() == sizeof(T) ? load_le<T>(value.data()) : T{};
}

std::tm utc(std::int64_t wall_us) {
    std::tm parts{};
    const std::time_t when = wall_us / kUsPerSecond;
    gmtime_r(&when, &parts);
    return parts;
}

void write_time(JsonWriter& json, std::int64_t wall_us) {
    std::string text;
    admin::TimeFormat{}.append(text, wall_us);
    json.text("time", text);
}

void write_identity(JsonWriter& json, const StoredMessage& message, const EnvelopeView& view) {
    json.text("cursor", message.cursor.text());
    json.text("id", as_text(message.id.text()));
    write_time(json, view.received_us);
    json.number("size", content_bytes(message));
}

// "SUCCESS,FAILURE", as in RCPT (RFC 3461 §4.1).
std::string notify_text(std::uint8_t flags) {
    struct Name {
        std::uint8_t flag;
        std::string_view text;
    };
    constexpr Name names[] = {{notify_flags::never, "NEVER"},
                              {notify_flags::success, "SUCCESS"},
                              {notify_flags::failure, "FAILURE"},
                              {notify_flags::delay, "DELAY"}};
    std::string text;
    for (const Name& name : names) {
        if ((flags & name.flag) == 0) continue;
        if (!text.empty()) text += ',';
        text += name.text;
    }
    return text;
}

// {"dead":{"time":...,"attempts":2,"reason":...}} of a dead letter.
void write_death(JsonWriter& json, const EnvelopeView& view) {
    if (view.dead_us == 0) return;
    json.begin_object("dead");
    write_time(json, view.dead_us);
    json.number("attempts", view.dead_attempts);
    json.text("reason", view.dead_reason);
    json.end_object();
}

void write_dsn(JsonWriter& json, const EnvelopeView& view) {
    if (!view.envid.empty()) json.text("envid", view.envid);
    if (view.ret != 0) json.text("ret", view.ret == 1 ? "FULL" : "HDRS");
}

void write_tls_client(JsonWriter& json, const EnvelopeView& view) {
    Sha256::Digest digest{};
    if ((view.flags & envelope_flags::tls_client_verified) != 0) json.boolean("tls_client_verified", true);
    if (view.tls_client.size() < digest.size()) return;
    std::memcpy(digest.data(), view.tls_client.data(), digest.size());
    json.text("tls_client", as_text(view.tls_client.subspan(digest.size())));
    json.text("tls_client_sha256", to_hex(digest));
    if (!view.tls_client_problem.empty()) json.text("tls_client_problem", view.tls_client_problem);
}

// What a terminal may be shown of an address.
std::string printable(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
        '?');
    return out;
}

}  // namespace

EnvelopeView::EnvelopeView(const StoredMessage& message) : received_us(message.id.unix_ms() * 1000) {
    EnvelopeReader reader(message.envelope);
    while (const auto record = reader.next()) {
        const Bytes value = record->value;
        switch (record->field) {
            case EnvelopeField::client:
                client = decode_client(value);
                break;
            case EnvelopeField::client_name:
                client_name = as_text(value);
                break;
            case EnvelopeField::flags:
                flags = integer_of<std::uint32_t>(value);
                break;
            case EnvelopeField::tls:
                tls = as_text(value);
                break;
            case EnvelopeField::tls_client:
                tls_client = value;
                break;
            case EnvelopeField::tls_client_problem:
                tls_client_problem = as_text(value);
                break;
            case EnvelopeField::received_us:
                received_us = integer_of<std::int64_t>(value);
                break;
            case EnvelopeField::reverse_path:
                reverse_path = as_text(value);
                break;
            case EnvelopeField::declared_size:
                declared_size = integer_of<std::uint64_t>(value);
                break;
            case EnvelopeField::envid:
                envid = as_text(value);
                break;
            case EnvelopeField::ret:
                ret = integer_of<std::uint8_t>(value);
                break;
            case EnvelopeField::forward_path:
                recipients.push_back({as_text(value), {}, 0});
                break;
            case EnvelopeField::orcpt:
                if (!recipients.empty()) recipients.back().orcpt = as_text(value);
                break;
            case EnvelopeField::notify:
                if (!recipients.empty()) recipients.back().notify = integer_of<std::uint8_t>(value);
                break;
            case EnvelopeField::dead_us:
                dead_us = integer_of<std::int64_t>(value);
                break;
            case EnvelopeField::dead_attempts:
                dead_attempts = integer_of<std::uint32_t>(value);
                break;
            case EnvelopeField::dead_reason:
                dead_reason = as_text(value);
                break;
        }
    }
}

std::uint64_t content_bytes(const StoredMessage& message) {
    return message.trace_bytes + message.body_bytes;
}

void append_listing_json(std::string& out, const StoredMessage& message) {
    const EnvelopeView view(message);
    JsonWriter json(out);
    json.begin_object();
    write_identity(json, message, view);
    json.text("from", view.reverse_path);
    json.begin_array("recipients");
    for (const RecipientView& recipient : view.recipients)
        json.element(recipient.forward_path);
    json.end_array();
    write_death(json, view);
    if (message.acknowledged) json.boolean("acknowledged", true);
    json.end_object();
    out += '\n';
}

void append_envelope_json(std::string& out, const StoredMessage& message) {
    const EnvelopeView view(message);
    JsonWriter json(out);
    json.begin_object();
    write_identity(json, message, view);
    json.number("trace_size", message.trace_bytes);
    if (view.client) {
        std::array<char, 48> buffer;
        json.text("peer", view.client->format(buffer));
        json.number("port", view.client->port);
    }
    json.text("helo", view.client_name);
    json.boolean("esmtp", (view.flags & envelope_flags::esmtp) != 0);
    json.boolean("smtputf8", (view.flags & envelope_flags::smtputf8) != 0);
    json.boolean("tls", (view.flags & envelope_flags::tls) != 0);
    if (!view.tls.empty()) json.text("tls_session", view.tls);
    write_tls_client(json, view);
    if ((view.flags & envelope_flags::requiretls) != 0) json.boolean("requiretls", true);
    const bool binary = (view.flags & envelope_flags::body_binary) != 0;
    const bool eight_bit = (view.flags & envelope_flags::body_8bit) != 0;
    json.text("body", binary ? "BINARYMIME" : eight_bit ? "8BITMIME" : "7BIT");
    if (view.declared_size) json.number("declared_size", *view.declared_size);
    json.text("from", view.reverse_path);
    write_dsn(json, view);
    json.begin_array("recipients");
    for (const RecipientView& recipient : view.recipients) {
        json.begin_object();
        json.text("to", recipient.forward_path);
        if (!recipient.orcpt.empty()) json.text("orcpt", recipient.orcpt);
        if (recipient.notify != 0) json.text("notify", notify_text(recipient.notify));
        json.end_object();
    }
    json.end_array();
    write_death(json, view);
    json.boolean("acknowledged", message.acknowledged);
    json.end_object();
    out += '\n';
}

std::string_view listing_head() {
    return "CURSOR                          ID                                    TIME (UTC)                 "
           " "
           "SIZE  "
           "FROM                          RECIPIENTS\n";
}

void append_listing_line(std::string& out, const StoredMessage& message) {
    const EnvelopeView view(message);
    std::string to = view.recipients.empty() ? "" : printable(view.recipients.front().forward_path);
    if (view.recipients.size() > 1) to += fmt::format(" +{}", view.recipients.size() - 1);
    const std::string from = "<" + printable(view.reverse_path) + ">";
    const std::string death = view.dead_us == 0 ? "" : "  (" + printable(view.dead_reason) + ")";
    fmt::format_to(std::back_inserter(out), "{}  {}  {:%Y-%m-%d %H:%M:%S} {:>12}  {:<{}}  {}{}{}\n",
                   message.cursor.text(), as_text(message.id.text()), utc(view.received_us),
                   content_bytes(message), from, kAddressColumns, to, death,
                   message.acknowledged ? "  (acknowledged)" : "");
}

std::string mbox_from_line(const StoredMessage& message) {
    const EnvelopeView view(message);
    std::string sender = view.reverse_path.empty() ? "MAILER-DAEMON" : printable(view.reverse_path);
    std::replace(sender.begin(), sender.end(), ' ',
                 '?');  // a quoted local part may have blanks; the line may not
    return fmt::format("From {} {:%a %b %e %H:%M:%S %Y}\n", sender, utc(view.received_us));
}

}  // namespace ringmx::ctl
