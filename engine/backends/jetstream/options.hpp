// The options of the jetstream backend ([storage.jetstream]); docs/backends.md lists them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client.hpp"
#include "records/destination.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::jetstream {

struct Settings {
    Access access;
    std::string stream;
    records::Destination subject;
    std::optional<plugin::Durability> durability;  // as the operator states it
    bool sync_always = false;
    std::int64_t timeout_ms = 10'000;  // from submit() to the answer
    std::uint32_t in_flight_max = 1024;
    std::uint64_t in_flight_octets_max = 64u << 20;  // published and not yet acknowledged
};

// Throws std::runtime_error, which names the option.
Settings read_settings(const plugin::Options& options);

}  // namespace ringmx::jetstream
