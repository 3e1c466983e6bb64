#include "admission/client_table.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace ringmx::admission {

namespace {
constexpr std::size_t kWays = 16;
}

ClientTable::ClientTable(std::size_t entries) : clients_(entries) {
    RMX_ASSERT(std::has_single_bit(entries) && entries >= kWays);
}

bool ClientTable::is_idle(const Client& client, std::uint32_t now) {
    return client.open == 0 && std::all_of(client.empty_at.begin(), client.empty_at.end(),
                                           [now](auto at) { return Level::level(at, now) == 0; });
}

std::uint32_t ClientTable::enter(std::uint64_t key, std::uint32_t shared, std::int64_t now_ns) {
    const std::uint32_t now = Level::ticks(now_ns);
    const std::size_t first = key & (clients_.size() - 1) & ~(kWays - 1);
    std::size_t place = clients_.size();
    for (std::size_t i = first; i < first + kWays; ++i) {
        Client& client = clients_[i];
        if (client.key == key) {
            ++client.open;
            client.shared = shared;
            return static_cast<std::uint32_t>(i);
        }
        if (place == clients_.size() && (client.key == 0 || is_idle(client, now))) place = i;
    }
    if (place == clients_.size()) return kNowhere;
    Client& client = clients_[place];
    client.key = key;
    client.open = 1;
    client.shared = shared;
    client.empty_at.fill(now);
    return static_cast<std::uint32_t>(place);
}

void ClientTable::sweep(std::size_t first, std::size_t count, std::int64_t now_ns) {
    const std::uint32_t now = Level::ticks(now_ns);
    for (std::size_t i = first; i < first + count; ++i) {
        Client& client = clients_[i & (clients_.size() - 1)];
        if (client.key == 0) continue;
        if (is_idle(client, now)) client = {};
        for (std::uint32_t& at : client.empty_at) {
            if (Level::level(at, now) == 0) at = now;
        }
    }
}

}  // namespace ringmx::admission
