#include "admission/gate.hpp"

#include <algorithm>

namespace ringmx::admission {

namespace {

bool contains(const std::vector<Network>& networks, const PeerAddress& peer) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network& network) { return network.contains(peer); });
}

}  // namespace

std::string_view to_string(Limit limit) {
    switch (limit) {
        case Limit::none:
            break;
        case Limit::client_connections:
            return "limits.client_connections";
        case Limit::client_connection_rate:
            return "limits.client_connection_rate";
        case Limit::network_connections:
            return "limits.network_connections";
        case Limit::network_connection_rate:
            return "limits.network_connection_rate";
        case Limit::reserve:
            return "limits.reserve";
        case Limit::message_rate:
            return "limits.message_rate";
        case Limit::recipient_rate:
            return "limits.recipient_rate";
        case Limit::unknown_recipient_rate:
            return "limits.unknown_recipient_rate";
        case Limit::error_rate:
            return "limits.error_rate";
        case Limit::data_rate:
            return "limits.data_rate";
    }
    return "";
}

Limit limit_of(Rate rate) {
    switch (rate) {
        case Rate::messages:
            return Limit::message_rate;
        case Rate::recipients:
            return Limit::recipient_rate;
        case Rate::recipients_unknown:
            return Limit::unknown_recipient_rate;
        case Rate::errors:
            return Limit::error_rate;
    }
    return Limit::none;
}

std::uint32_t Settings::value(Limit limit) const {
    switch (limit) {
        case Limit::client_connections:
            return client_connections;
        case Limit::client_connection_rate:
            return client_connection_rate;
        case Limit::network_connections:
            return network_connections;
        case Limit::network_connection_rate:
            return network_connection_rate;
        case Limit::message_rate:
            return rates[static_cast<std::size_t>(Rate::messages)];
        case Limit::recipient_rate:
            return rates[static_cast<std::size_t>(Rate::recipients)];
        case Limit::unknown_recipient_rate:
            return rates[static_cast<std::size_t>(Rate::recipients_unknown)];
        case Limit::error_rate:
            return rates[static_cast<std::size_t>(Rate::errors)];
        case Limit::none:
        case Limit::reserve:
        case Limit::data_rate:
            break;
    }
    return 0;
}

Gate::Gate(const Settings& settings, const Secret& secret, SharedCounts& shared, unsigned core,
           unsigned cores)
    : settings_(settings),
      secret_(secret),
      shared_(shared),
      counts_networks_(settings.network_connections != 0 || settings.network_connection_rate != 0),
      sweep_shared_from_(shared.entries() * core / cores),
      sweep_shared_count_(shared.entries() * (core + 1) / cores - sweep_shared_from_) {
    sweep_shared_ = sweep_shared_from_;
    std::transform(settings.rates.begin(), settings.rates.end(), intervals_.begin(),
                   [](std::uint32_t rate) { return ClientTable::Level::interval(rate); });
}

Gate::Arrival Gate::arrive(const PeerAddress& peer, bool known_only, std::int64_t now_ns) {
    Arrival arrival;
    arrival.exempt = contains(settings_.exempt, peer);
    if (arrival.exempt) return arrival;
    if (known_only && !contains(settings_.known, peer)) {
        arrival.refused = Limit::reserve;
        return arrival;
    }
    const std::uint64_t client =
        key_of(scope_of(peer, Kind::client, settings_.prefixes), Kind::client, secret_);
    if (!enter_shared(client, Kind::client, arrival, now_ns)) return arrival;
    if (counts_networks_) {
        const Network network = scope_of(peer, Kind::network, settings_.prefixes);
        if (!enter_shared(key_of(network, Kind::network, secret_), Kind::network, arrival, now_ns)) {
            leave(arrival.place);
            arrival.place = {};
            return arrival;
        }
    }
    arrival.place.client = clients_.enter(client, arrival.place.shared_client, now_ns);
    arrival.uncounted |= arrival.place.client == kNowhere;
    if (exhausted(arrival.place, Rate::errors, now_ns)) {
        leave(arrival.place);
        arrival.place = {};
        arrival.refused = Limit::error_rate;
    }
    return arrival;
}

// False: it is refused.
bool Gate::enter_shared(std::uint64_t key, Kind kind, Arrival& arrival, std::int64_t now_ns) {
    const bool client = kind == Kind::client;
    const std::uint32_t most = client ? settings_.client_connections : settings_.network_connections;
    const std::uint32_t rate = client ? settings_.client_connection_rate : settings_.network_connection_rate;
    const auto entered = shared_.enter(key, most, SharedCounts::Rate::interval(rate), now_ns);
    (client ? arrival.place.shared_client : arrival.place.shared_network) = entered.index;
    switch (entered.verdict) {
        case SharedCounts::Verdict::admitted:
            return true;
        case SharedCounts::Verdict::no_room:
            arrival.uncounted = true;
            return true;
        case SharedCounts::Verdict::too_many:
            arrival.refused = client ? Limit::client_connections : Limit::network_connections;
            return false;
        case SharedCounts::Verdict::too_fast:
            arrival.refused = client ? Limit::client_connection_rate : Limit::network_connection_rate;
            return false;
    }
    return true;
}

void Gate::leave(const Place& place) {
    if (place.client != kNowhere) clients_.leave(place.client);
    if (place.shared_client != kNowhere) shared_.leave(place.shared_client);
    if (place.shared_network != kNowhere) shared_.leave(place.shared_network);
}

// The core's share of a client's rate is the share of the client's connections that it has: all shares
// together are the rate, and a client that is on one core has all of it there.
std::uint32_t Gate::interval_here(const ClientTable::Client& client, Rate rate) const {
    const std::uint32_t whole = intervals_[static_cast<std::size_t>(rate)];
    if (client.shared == kNowhere || client.open == 0) return whole;
    const std::uint32_t everywhere = shared_.open(client.shared);
    if (everywhere <= client.open) return whole;
    const std::uint64_t here = std::uint64_t{whole} * everywhere / client.open;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(here, ClientTable::Level::kFull));
}

bool Gate::take(const Place& place, Rate rate, std::int64_t now_ns) {
    const auto which = static_cast<std::size_t>(rate);
    if (intervals_[which] == 0 || place.client == kNowhere) return true;
    ClientTable::Client& client = clients_.at(place.client);
    return ClientTable::Level::take(client.empty_at[which], ClientTable::Level::ticks(now_ns),
                                    interval_here(client, rate));
}

bool Gate::exhausted(const Place& place, Rate rate, std::int64_t now_ns) {
    const auto which = static_cast<std::size_t>(rate);
    if (intervals_[which] == 0 || place.client == kNowhere) return false;
    const ClientTable::Client& client = clients_.at(place.client);
    return !ClientTable::Level::fits(client.empty_at[which], ClientTable::Level::ticks(now_ns),
                                     interval_here(client, rate));
}

bool Gate::may_log(std::int64_t now_ns) {
    constexpr std::uint32_t interval = Lines::interval(60 * limits::admission_lines_per_second);
    return Lines::take(lines_, Lines::ticks(now_ns), interval);
}

void Gate::tick(std::int64_t now_ns) {
    const std::size_t clients = clients_.entries() / limits::admission_sweep_ticks + 1;
    clients_.sweep(sweep_clients_, clients, now_ns);
    sweep_clients_ = (sweep_clients_ + clients) % clients_.entries();
    const std::size_t share = sweep_shared_count_ / limits::admission_sweep_ticks + 1;
    const std::size_t end = sweep_shared_from_ + sweep_shared_count_;
    const std::size_t count = std::min(share, end - sweep_shared_);
    shared_.sweep(sweep_shared_, count, now_ns);
    sweep_shared_ = sweep_shared_ + count == end ? sweep_shared_from_ : sweep_shared_ + count;
    if (Lines::level(lines_, Lines::ticks(now_ns)) == 0) lines_ = Lines::ticks(now_ns);
}

}  // namespace ringmx::admission
