// A stored message in words: what its envelope says, as JSON, as a line of a table, as the "From " line of an
// mbox.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/peer.hpp"
#include "storage/spool/reader.hpp"

namespace ringmx::ctl {

struct RecipientView {
    std::string_view forward_path;
    std::string_view orcpt;
    std::uint8_t notify = 0;  // notify_flags
};

// The envelope, read. Views into the message it was made from.
struct EnvelopeView {
    explicit EnvelopeView(const storage::spool::StoredMessage& message);

    std::optional<PeerAddress> client;
    std::string_view client_name;
    std::uint32_t flags = 0;  // envelope_flags
    std::string_view tls;     // version and cipher suite
    Bytes tls_client{};       // SHA-256 and subject of the client's certificate; empty: it has shown none
    std::string_view tls_client_problem;
    std::int64_t received_us = 0;  // of the envelope, or of the id if it has none
    std::string_view reverse_path;
    std::optional<std::uint64_t> declared_size;
    std::string_view envid;
    std::uint8_t ret = 0;
    std::vector<RecipientView> recipients;
    // Of a dead letter:
    std::int64_t dead_us = 0;  // when it was given up; 0: it is none
    std::uint32_t dead_attempts = 0;
    std::string_view dead_reason;
};

// Trace headers and mail data: what `cat` and `export` write.
std::uint64_t content_bytes(const storage::spool::StoredMessage& message);

// One JSON object with cursor, id, time, size, from and recipients, LF at the end.
void append_listing_json(std::string& out, const storage::spool::StoredMessage& message);
// Everything that the envelope has, as one JSON object, LF at the end.
void append_envelope_json(std::string& out, const storage::spool::StoredMessage& message);

// The table of `ls`: its head and its lines, LF at the end. Control characters appear as '?'.
std::string_view listing_head();
void append_listing_line(std::string& out, const storage::spool::StoredMessage& message);

// "From SENDER Mon Nov 23 16:05:30 2026", LF at the end; UTC, MAILER-DAEMON for the null reverse-path.
std::string mbox_from_line(const storage::spool::StoredMessage& message);

}  // namespace ringmx::ctl
