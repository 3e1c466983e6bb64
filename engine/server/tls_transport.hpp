// What a connection under TLS has beside a plain one: the channel between its receive buffers and its
// session, and the octets that the channel has made for the socket. connection_tls.cpp is its life.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "message/chunk.hpp"
#include "tls/channel.hpp"

namespace ringmx::server {

struct TlsTransport {
    std::unique_ptr<tls::Channel> channel;
    Chunk* wire = nullptr;  // for the socket, in order; the 220 to STARTTLS stands before all ciphertext
    std::int64_t deadline_ns = 0;  // of the handshake
    bool shaking = true;           // the handshake is not done
    bool under_way = false;        // its first step is done: it is one of Core's handshakes under way
    bool queued = false;           // it waits for its turn (Core::queue_handshake); what came since is held
    bool farewell = false;         // close_notify is to follow the last reply
    tls::ChannelFacts facts{};     // once it is done
    std::optional<tls::ClientCertificate> client{};
};

}  // namespace ringmx::server
