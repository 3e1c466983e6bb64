// A connection to NATS that reconnects for ever, and what the stream behind it promises. Used by the backend
// and by the program ringmx-jetstream.
//
// The library calls back from threads of its own; the destructor returns when none of them will any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nats/nats.h>

#include "ringmx/backend.hpp"

namespace ringmx::jetstream {

struct Access {
    std::vector<std::string> servers;  // nats://HOST:PORT or tls://HOST:PORT
    std::string name;                  // of the client, as the server shows it
    std::string credentials;           // a file (JWT and NKey)
    std::string user, password, token;
    std::string tls_ca, tls_cert, tls_key;  // files
    std::int64_t timeout_ms = 5000;         // to connect, and to write
    int write_buffer_octets = 1 << 20;
};

// Called from threads of the library.
struct Events {
    std::function<void()> connected;        // again, or for the first time
    std::function<void()> disconnected;     // it tries again by itself
    std::function<void(natsMsg*)> message;  // of subscribe(); the message is the callee's
};

struct StreamFacts {
    bool found = false;
    std::string error;  // why nothing is known, or why this stream cannot take mail
    plugin::Durability durability = RINGMX_DURABLE_NONE;
    std::int64_t replicas = 0;
    std::uint64_t messages = 0;
    std::uint64_t octets = 0;
    std::int32_t message_octets_max = -1;  // -1: no limit of the stream's own
    std::int64_t duplicate_window_ns = 0;
    bool memory = false;
    bool drops_old = false;  // its limits delete mail that nobody has read
};

struct MessageDestroyer {
    void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
using MessagePointer = std::unique_ptr<natsMsg, MessageDestroyer>;

class Client {
 public:
    // Tries once, then goes on trying in the background. Throws std::runtime_error for what cannot get
    // better: a server's address that is none, an unreadable file, a login that was refused.
    Client(const Access& access, Events events);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool connected() const;
    bool closed() const;  // for good: the server refused the login twice
    bool wait_connected(std::int64_t timeout_ms) const;
    std::string last_error() const;
    std::uint64_t payload_octets_max() const;  // the server's max_payload

    // Messages to inbox() + "*" go to Events::message from now on. Once. Does nothing if it is closed().
    void subscribe();
    const std::string& inbox() const { return inbox_; }

    natsStatus publish(natsMsg* message) { return natsConnection_PublishMsg(connection_, message); }
    natsConnection* raw() const { return connection_; }

    // Asks the server, for timeout_ms at most. `sync_always`: the operator says that every server of the
    // stream syncs each write.
    StreamFacts stream(const std::string& name, bool sync_always, std::int64_t timeout_ms) const;

 private:
    struct Callbacks;
    void configure(const Access& access);

    std::unique_ptr<Callbacks> callbacks_;
    natsOptions* options_ = nullptr;
    natsConnection* connection_ = nullptr;
    natsSubscription* subscription_ = nullptr;
    std::string inbox_;
};

}  // namespace ringmx::jetstream
