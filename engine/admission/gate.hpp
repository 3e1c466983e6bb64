// Gate: what a core asks before a client may stay, and before it may do something once more. It knows the
// configured limits, the table of all cores (SharedCounts) and the core's own (ClientTable). Without a clock:
// the time is passed in. The core's thread. docs/admission.md says what each limit means.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "admission/client_table.hpp"
#include "admission/key.hpp"
#include "admission/shared_counts.hpp"

namespace ringmx::admission {

// Every limit that admission can find passed; its name is the key that sets it.
enum class Limit : std::uint8_t {
    none,
    client_connections,
    client_connection_rate,
    network_connections,
    network_connection_rate,
    reserve,
    message_rate,
    recipient_rate,
    unknown_recipient_rate,
    error_rate,
    data_rate,
};
std::string_view to_string(Limit limit);  // "limits.client_connections"
Limit limit_of(Rate rate);

struct Settings {  // 0: no limit; rates are for a minute
    Prefixes prefixes;
    std::uint32_t client_connections = 0;
    std::uint32_t client_connection_rate = 0;
    std::uint32_t network_connections = 0;
    std::uint32_t network_connection_rate = 0;
    std::array<std::uint32_t, kRates> rates{};  // by Rate, of a client
    std::vector<Network> exempt;
    std::vector<Network> known;

    std::uint32_t value(Limit limit) const;  // 0 for those that are not here
};

// Where a connection is counted; kept by the connection.
struct Place {
    std::uint32_t client = kNowhere;  // in the core's table
    std::uint32_t shared_client = kNowhere;
    std::uint32_t shared_network = kNowhere;
};

class Gate {
 public:
    // Both outlive the gate. `core` of `cores` sweeps its part of the shared table.
    Gate(const Settings& settings, const Secret& secret, SharedCounts& shared, unsigned core = 0,
         unsigned cores = 1);

    struct Arrival {
        Limit refused = Limit::none;
        bool exempt = false;     // nothing of this client is counted or limited
        bool uncounted = false;  // a table was full: it stays, and is not counted there
        Place place;             // all nowhere if it was refused
    };
    // A client's address is known. `known_only`: what connections are left is for settings.known.
    Arrival arrive(const PeerAddress& peer, bool known_only, std::int64_t now_ns);
    void leave(const Place& place);

    // One more of what `rate` counts; false, and it is not counted: the limit is reached.
    bool take(const Place& place, Rate rate, std::int64_t now_ns);
    // The next take() would be false.
    bool exhausted(const Place& place, Rate rate, std::int64_t now_ns);

    // For a log line about a limit. False: there have been enough of them this second.
    bool may_log(std::int64_t now_ns);
    // Four times a second: a part of the tables is tidied up.
    void tick(std::int64_t now_ns);

    const Settings& settings() const { return settings_; }

 private:
    using Lines = Bucket<32, 16000>;

    bool enter_shared(std::uint64_t key, Kind kind, Arrival& arrival, std::int64_t now_ns);
    std::uint32_t interval_here(const ClientTable::Client& client, Rate rate) const;

    const Settings& settings_;
    Secret secret_;
    SharedCounts& shared_;
    ClientTable clients_;
    std::array<std::uint32_t, kRates> intervals_;
    bool counts_networks_;
    std::uint32_t lines_ = 0;
    std::size_t sweep_shared_;       // where the next sweep begins
    std::size_t sweep_shared_from_;  // this core's part
    std::size_t sweep_shared_count_;
    std::size_t sweep_clients_ = 0;
};

}  // namespace ringmx::admission
