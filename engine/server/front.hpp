// Who stands between a client and its connection: a proxy that names the client in a PROXY header, another
// MTA that does so with XCLIENT, or both, one behind the other. A connection without them has none of this.
// connection_front.cpp is its life; docs/proxy.md says what becomes of each fact.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/peer.hpp"
#include "proxy/decoder.hpp"

namespace ringmx::server {

struct Front {
    PeerAddress via;                          // the connection's own peer
    std::unique_ptr<proxy::Decoder> decoder;  // while the PROXY header is awaited
    bool tls_first = false;                   // then TLS begins behind it

    // Of the PROXY header.
    std::string
        tls;  // "TLSv1.3 TLS_AES_256_GCM_SHA384": the client's TLS ends at the proxy; empty: it has none
    std::string tls_client_name;
    bool tls_client_verified = false;
    std::string authority;
    std::string unique_id;

    // Of XCLIENT.
    std::string host;
    std::string helo;
    std::string login;
    std::optional<bool> extended;

    PeerAddress destination;  // of either; the later one counts
};

}  // namespace ringmx::server
