#include "admin/log_record.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "base/assert.hpp"

namespace ringmx::admin {

namespace {

enum class RecordKind : std::uint32_t { transaction = 1, event = 2 };

// A record is its head, then its texts one after another, their lengths in the head.
struct TransactionHead {
    RecordKind kind = RecordKind::transaction;
    std::uint32_t core;
    std::int64_t wall_us;
    MessageId id;
    PeerAddress peer;
    PeerAddress via;
    std::uint64_t message_bytes;
    std::int64_t receive_us;
    std::int64_t store_us;
    std::int64_t total_us;
    std::uint32_t recipients;
    std::uint16_t code;
    EnhancedStatus status;
    TransactionEnd end;
    std::array<std::uint16_t, 4> lengths;  // envelope, reply text, backend, durability
};

struct EventHead {
    RecordKind kind = RecordKind::event;
    std::uint32_t core;
    std::int64_t wall_us;
    PeerAddress peer;
    PeerAddress via;
    LogLevel level;
    std::uint16_t code;
    EnhancedStatus status;
    std::array<std::uint16_t, 4> lengths;  // event, text, detail, reply text
};

static_assert(std::is_trivially_copyable_v<TransactionHead> && std::is_trivially_copyable_v<EventHead>);
static_assert(sizeof(TransactionHead) + kLogEnvelopeBytesMax + kLogTextBytesMax + 2 * kLogNameBytesMax <=
              kLogRecordBytesMax);
static_assert(sizeof(EventHead) + kLogNameBytesMax + 3 * kLogTextBytesMax <= kLogRecordBytesMax);

using Texts = std::array<std::string_view, 4>;

Texts texts_of(const TransactionRecord& record) {
    return {as_text(record.envelope).substr(0, kLogEnvelopeBytesMax),
            record.reply.text.substr(0, kLogTextBytesMax), record.backend.substr(0, kLogNameBytesMax),
            record.durability.substr(0, kLogNameBytesMax)};
}

Texts texts_of(const EventRecord& record) {
    return {record.event.substr(0, kLogNameBytesMax), record.text.substr(0, kLogTextBytesMax),
            record.detail.substr(0, kLogTextBytesMax), record.reply.text.substr(0, kLogTextBytesMax)};
}

std::size_t sum_of_sizes(const Texts& texts) {
    return texts[0].size() + texts[1].size() + texts[2].size() + texts[3].size();
}

template <typename Head>
void put(Head& head, const Texts& texts, std::byte* out) {
    for (std::size_t i = 0; i < texts.size(); ++i)
        head.lengths[i] = static_cast<std::uint16_t>(texts[i].size());
    std::memcpy(out, &head, sizeof head);
    out += sizeof head;
    for (const std::string_view text : texts) {
        if (!text.empty()) std::memcpy(out, text.data(), text.size());
        out += text.size();
    }
}

template <typename Head>
Texts take(Bytes bytes, Head& head) {
    RMX_ASSERT(bytes.size() >= sizeof head);
    std::memcpy(&head, bytes.data(), sizeof head);
    std::string_view rest = as_text(bytes.subspan(sizeof head));
    Texts texts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        RMX_ASSERT(rest.size() >= head.lengths[i]);
        texts[i] = rest.substr(0, head.lengths[i]);
        rest.remove_prefix(head.lengths[i]);
    }
    return texts;
}

TransactionRecord decode_transaction(Bytes bytes) {
    TransactionHead head;
    const Texts texts = take(bytes, head);
    TransactionRecord record;
    record.wall_us = head.wall_us;
    record.core = head.core;
    record.id = head.id;
    record.peer = head.peer;
    record.via = head.via;
    record.envelope = as_bytes(texts[0]);
    record.recipients = head.recipients;
    record.message_bytes = head.message_bytes;
    record.reply = {head.code, head.status, texts[1]};
    record.end = head.end;
    record.backend = texts[2];
    record.durability = texts[3];
    record.receive_us = head.receive_us;
    record.store_us = head.store_us;
    record.total_us = head.total_us;
    return record;
}

EventRecord decode_event(Bytes bytes) {
    EventHead head;
    const Texts texts = take(bytes, head);
    return {head.wall_us, head.core, head.level, texts[0],
            texts[1],     texts[2],  head.peer,  Reply{head.code, head.status, texts[3]},
            head.via};
}

}  // namespace

std::size_t encoded_bytes(const TransactionRecord& record) {
    return sizeof(TransactionHead) + sum_of_sizes(texts_of(record));
}

std::size_t encoded_bytes(const EventRecord& record) {
    return sizeof(EventHead) + sum_of_sizes(texts_of(record));
}

void encode(const TransactionRecord& record, std::byte* out) {
    TransactionHead head{.core = record.core,
                         .wall_us = record.wall_us,
                         .id = record.id,
                         .peer = record.peer,
                         .via = record.via,
                         .message_bytes = record.message_bytes,
                         .receive_us = record.receive_us,
                         .store_us = record.store_us,
                         .total_us = record.total_us,
                         .recipients = record.recipients,
                         .code = record.reply.code,
                         .status = record.reply.status,
                         .end = record.end,
                         .lengths = {}};
    put(head, texts_of(record), out);
}

void encode(const EventRecord& record, std::byte* out) {
    EventHead head{.core = record.core,
                   .wall_us = record.wall_us,
                   .peer = record.peer,
                   .via = record.via,
                   .level = record.level,
                   .code = record.reply.code,
                   .status = record.reply.status,
                   .lengths = {}};
    put(head, texts_of(record), out);
}

std::variant<TransactionRecord, EventRecord> decode(Bytes bytes) {
    const auto kind = static_cast<RecordKind>(load_le<std::uint32_t>(bytes.data()));
    if (kind == RecordKind::transaction) return decode_transaction(bytes);
    RMX_ASSERT(kind == RecordKind::event);
    return decode_event(bytes);
}

}  // namespace ringmx::admin
