// What a core writes about a transaction or an event, and its bounded binary form in the log ring. The core
// copies; it does not format: the log thread turns records into JSON lines. Texts longer than their limit are
// cut.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/message_id.hpp"
#include "base/peer.hpp"
#include "base/reply.hpp"

namespace ringmx::admin {

enum class LogLevel : std::uint8_t { info, warning, error };

enum class TransactionEnd : std::uint8_t {
    stored,       // and acknowledged
    stored_late,  // stored when the client had left or been told 451
    refused,      // an answer to the message that is not 250
    aborted,      // before there was one: RSET, a new EHLO, a lost connection, a timeout, a limit
};

// Whom a record is about: the client, and the connection's own peer where a proxy or another MTA has named
// the client (family none: nobody has).
struct LogClient {
    PeerAddress peer;
    PeerAddress via{};
    LogClient(const PeerAddress& client, const PeerAddress& front = {}) : peer(client), via(front) {}
};

// The end of one transaction. Views are needed during the call only.
struct TransactionRecord {
    std::int64_t wall_us = 0;  // now
    std::uint32_t core = 0;
    MessageId id;
    PeerAddress peer;
    PeerAddress via;               // as in LogClient
    Bytes envelope;                // message/envelope.hpp: gives HELO name, reverse-path and first recipients
    std::uint32_t recipients = 0;  // accepted
    std::uint64_t message_bytes = 0;  // trace headers and mail data
    Reply reply;                      // to the message; code 0: there was none
    TransactionEnd end = TransactionEnd::refused;
    std::string_view backend;
    std::string_view durability;
    std::int64_t receive_us = 0;  // from MAIL to the end of data
    std::int64_t store_us = 0;    // from the end of data to storage's answer
    std::int64_t total_us = 0;    // from MAIL to the reply
};

// Anything else worth a line.
struct EventRecord {
    std::int64_t wall_us = 0;
    std::uint32_t core = 0;
    LogLevel level = LogLevel::info;
    std::string_view event;   // a short name: "violation", "recipient_refused"
    std::string_view text;    // for a person; may be empty
    std::string_view detail;  // the rule, the address, ...; may be empty
    PeerAddress peer;         // family none: no client
    Reply reply;              // code 0: no reply
    PeerAddress via{};        // as in LogClient
};

// Octets of the parts of a record that are kept.
constexpr std::size_t kLogEnvelopeBytesMax = 2048;  // client name, reverse-path and some recipients
constexpr std::size_t kLogTextBytesMax = 512;       // a reply text or an event's text
constexpr std::size_t kLogNameBytesMax = 64;        // backend, durability, event
constexpr std::size_t kLogRecordBytesMax = 4096;

// The octets that encode() will write, at most kLogRecordBytesMax.
std::size_t encoded_bytes(const TransactionRecord& record);
std::size_t encoded_bytes(const EventRecord& record);
// Writes the record; `out` has encoded_bytes() of room.
void encode(const TransactionRecord& record, std::byte* out);
void encode(const EventRecord& record, std::byte* out);

// The record back, with views into `bytes`. Only for what encode() wrote.
std::variant<TransactionRecord, EventRecord> decode(Bytes bytes);

}  // namespace ringmx::admin
