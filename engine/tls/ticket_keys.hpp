// The keys under which session tickets are sealed (RFC 5077 §4, RFC 8446 §4.6.1): the state of a session is
// with the client, and any core of the server can open what any other has sealed. A key seals for one
// lifetime and opens for one more; then it is gone for good, and with it the past sessions that it could have
// opened. Keys never leave the process: a server that is started again gives new tickets.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace ringmx::tls {

struct TicketKey {
    std::array<unsigned char, 16> name;        // public; in front of each ticket
    std::array<unsigned char, 32> cipher_key;  // AES-256-CBC
    std::array<unsigned char, 32> mac_key;     // HMAC-SHA256
    ~TicketKey();                              // leaves nothing of it in memory
};

// Any thread. A look-up copies a key under a mutex: once for each handshake.
class TicketKeys {
 public:
    // Null if the system has no random octets to give.
    static std::shared_ptr<TicketKeys> create();
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;

    // A new current key; the current one becomes the previous one, and the previous one is forgotten. False:
    // no random octets; nothing has changed.
    bool rotate();

    TicketKey current() const;
    struct Found {
        TicketKey key;
        bool is_current;  // false: the client should get a new ticket
    };
    std::optional<Found> find(const unsigned char* name) const;

 private:
    TicketKeys() = default;

    mutable std::mutex mutex_;
    TicketKey current_{};
    TicketKey previous_{};
    bool has_previous_ = false;
};

}  // namespace ringmx::tls
