// The envelope of a message in its one serialised form: what the SMTP transaction said, besides the mail
// data. The same bytes stand in memory, in the spool (docs/spool-format.md) and in front of plugins.
//
// Format: records of {u8 type, u8 zero, u16 length, `length` octets}, little-endian, in the order of the
// transaction. A reader skips types that it does not know. Records `orcpt` and `notify` belong to the
// `forward_path` before them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/peer.hpp"

namespace ringmx {

enum class EnvelopeField : std::uint8_t {
    client = 1,         // u8 family (4 or 6), u8 0, u16 port, 16 octets of address
    client_name = 2,    // argument of EHLO or HELO, as given
    flags = 3,          // u32 of EnvelopeFlags
    received_us = 4,    // i64, microseconds since 1970, when MAIL was accepted
    reverse_path = 5,   // without angle brackets and source route; empty: the null reverse-path
    declared_size = 6,  // u64, SIZE of MAIL (RFC 1870)
    envid = 7,          // ENVID of MAIL, xtext as given (RFC 3461 §4.4)
    ret = 8,            // u8: 1 FULL, 2 HDRS (RFC 3461 §4.3)
    forward_path = 9,   // without angle brackets and source route
    orcpt = 10,         // ORCPT of RCPT, "type;xtext" as given (RFC 3461 §4.2)
    notify = 11,        // u8 of NotifyFlags (RFC 3461 §4.1)
    // Of a dead letter (docs/storage.md), behind all others:
    dead_us = 12,        // i64, microseconds since 1970, when it was given up
    dead_attempts = 13,  // u32, how often it was submitted
    dead_reason = 14,    // why, in words; UTF-8 is not checked
    // Behind `flags`, if the transaction ran under TLS:
    tls = 15,  // protocol version, blank, cipher suite: "TLSv1.3 TLS_AES_256_GCM_SHA384"
    // Behind that, if the client has shown a certificate:
    tls_client = 16,          // 32 octets of SHA-256 of its DER, then its subject (RFC 2253)
    tls_client_problem = 17,  // why it was not verified, in words; absent: it was, or nobody has tried
};

namespace envelope_flags {
constexpr std::uint32_t esmtp = 1;          // EHLO rather than HELO
constexpr std::uint32_t smtputf8 = 2;       // MAIL ... SMTPUTF8 (RFC 6531)
constexpr std::uint32_t body_8bit = 4;      // BODY=8BITMIME (RFC 6152)
constexpr std::uint32_t body_binary = 8;    // BODY=BINARYMIME (RFC 3030)
constexpr std::uint32_t tls = 16;           // the transaction ran under TLS
constexpr std::uint32_t requiretls = 32;    // MAIL ... REQUIRETLS (RFC 8689): to be sent on under TLS only
constexpr std::uint32_t tls_at_proxy = 64;  // with `tls`: it ended at a proxy, which said so (docs/proxy.md)
constexpr std::uint32_t tls_client_verified = 128;  // with `tls`: so was the client's certificate
}  // namespace envelope_flags

namespace notify_flags {
constexpr std::uint8_t never = 1;
constexpr std::uint8_t success = 2;
constexpr std::uint8_t failure = 4;
constexpr std::uint8_t delay = 8;
}  // namespace notify_flags

constexpr std::size_t kEnvelopeRecordHeader = 4;

// Appends one record to `out`; returns the octets written, 0 if it does not fit.
std::size_t append_envelope_record(MutableBytes out, EnvelopeField field, Bytes value);

struct EnvelopeRecord {
    EnvelopeField field;
    Bytes value;
};

// Reads records in order; malformed input ends the iteration with malformed() set, never an overrun.
class EnvelopeReader {
 public:
    explicit EnvelopeReader(Bytes bytes) : rest_(bytes) {}
    std::optional<EnvelopeRecord> next();
    bool malformed() const { return malformed_; }

 private:
    Bytes rest_;
    bool malformed_ = false;
};

// The first value of a field, if any.
std::optional<Bytes> find_envelope_field(Bytes envelope, EnvelopeField field);

// Encoding of the composite values.
void encode_client(MutableBytes out20, const PeerAddress& peer);
std::optional<PeerAddress> decode_client(Bytes value);

}  // namespace ringmx
