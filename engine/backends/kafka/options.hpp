// The options of the kafka backend ([storage.kafka]); docs/backends.md lists them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "records/destination.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::kafka {

struct Settings {
    std::string brokers;  // HOST:PORT, separated by commas
    records::Destination topic;
    bool key_is_domain = false;
    plugin::Durability durability = RINGMX_DURABLE_PROCESS;  // as the operator states it
    std::int64_t timeout_ms = 10'000;                        // from submit() to the answer
    std::uint32_t in_flight_max = 1024;
    std::uint64_t in_flight_octets_max = 64u << 20;            // handed to the library and not yet delivered
    std::vector<std::pair<std::string, std::string>> library;  // kafka.NAME
};

// Throws std::runtime_error, which names the option.
Settings read_settings(const plugin::Options& options);

}  // namespace ringmx::kafka
