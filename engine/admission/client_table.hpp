// What a core knows of each client: how many of its connections are here, and how much of its rates it has
// used here. One core's own; a connection looks its client up once, and keeps the index.
//
// Fixed in size, set-associative: a key has 16 places. Entries of clients without a connection whose buckets
// are empty are free to be reused; one with a connection stays where it is. If there is no place, the client
// is not counted.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "admission/bucket.hpp"
#include "admission/shared_counts.hpp"

namespace ringmx::admission {

// What is counted for a client; each is a key of [limits].
enum class Rate : std::uint8_t { messages, recipients, recipients_unknown, errors };
constexpr std::size_t kRates = 4;

class ClientTable {
 public:
    using Level = Bucket<32, 16000>;
    struct Client {
        std::uint64_t key = 0;  // 0: free
        std::uint32_t open = 0;
        std::uint32_t shared = kNowhere;  // its place in SharedCounts
        std::array<std::uint32_t, kRates> empty_at{};
    };
    static_assert(sizeof(Client) == 32);

    // `entries` is a power of two, at least 16.
    explicit ClientTable(std::size_t entries = limits::admission_clients_per_core);

    // One more connection of this client; kNowhere: there is no place.
    std::uint32_t enter(std::uint64_t key, std::uint32_t shared, std::int64_t now_ns);
    void leave(std::uint32_t index) { --clients_[index].open; }
    Client& at(std::uint32_t index) { return clients_[index]; }
    // Frees entries; every one has to be looked at once in Level::kRangeNs.
    void sweep(std::size_t first, std::size_t count, std::int64_t now_ns);
    std::size_t entries() const { return clients_.size(); }

 private:
    static bool is_idle(const Client& client, std::uint32_t now);
    std::vector<Client> clients_;
};

}  // namespace ringmx::admission
