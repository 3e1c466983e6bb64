// Why a handshake or a TLS connection failed, in few words: for counters, the log and tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringmx::tls {

enum class Failure : std::uint8_t {
    none,
    not_tls,           // the first octet is not that of a handshake record
    version,           // no common protocol version
    no_shared_cipher,  // no common cipher suite, group or signature algorithm
    alert,             // the client ended it with an alert: it does not like the certificate, perhaps
    protocol,          // anything else that TLS does not allow: a bad record, a bad signature, ...
    memory,            // none left
    timed_out,         // by the host: timeouts.tls_handshake has passed
    lost,              // by the host: the connection ended in the middle of the handshake
};

// "not-tls", "version", ...: static.
std::string_view to_string(Failure failure);

struct Diagnosis {
    Failure failure = Failure::protocol;
    std::string_view
        text;  // OpenSSL's words for it, static: "no shared cipher", "sslv3 alert bad certificate"
};

// What the errors of the calling thread's OpenSSL queue mean. Empties the queue.
Diagnosis take_diagnosis();

// The errors of the queue in words, for a person: "cannot do this: no start line". Empties the queue.
std::string take_error_text();

}  // namespace ringmx::tls
