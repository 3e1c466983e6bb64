// What a PROXY protocol header says (proxy-protocol.txt of HAProxy, versions 1 and 2), and why a connection
// that had to begin with one is closed instead.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/peer.hpp"

namespace ringmx::proxy {

// Why there is no header. docs/proxy.md explains them; each has a counter.
enum class Failure : std::uint8_t {
    none,
    absent,     // the first octets begin neither version
    malformed,  // what follows them is not as it has to be
    too_long,   // limits::proxy_header_v1_octets_max, _v2_
    checksum,   // PP2_TYPE_CRC32C is not that of the header
};

std::string_view to_string(Failure failure);  // "absent", "too-long"
std::string_view describe(Failure failure);   // a sentence for the log

// PP2_TYPE_SSL: TLS that ended at the proxy. A text that is absent, or longer than its limit, is empty.
struct TlsFacts {
    bool active = false;           // the client speaks TLS with the proxy
    bool client_verified = false;  // it showed a certificate, which the proxy has found good
    std::string_view version;      // "TLSv1.3"
    std::string_view cipher;       // "TLS_AES_256_GCM_SHA384"
    std::string_view client_name;  // common name of the client's certificate; UTF-8 is not checked
};

// Views are into the decoder's octets.
struct Header {
    std::uint8_t version = 0;  // 1 or 2
    // Family none: the connection is the proxy's own (LOCAL, a health check), or its client has no IP address
    // (UNKNOWN, UNSPEC, Unix sockets, UDP). The addresses of the connection itself are the client's then.
    PeerAddress client;
    PeerAddress destination;  // where the client has connected to
    TlsFacts tls;
    std::string_view authority;  // PP2_TYPE_AUTHORITY: the server name that the client asked for
    std::string_view unique_id;  // PP2_TYPE_UNIQUE_ID: octets, opaque
};

}  // namespace ringmx::proxy
