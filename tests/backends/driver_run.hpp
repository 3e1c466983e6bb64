// Submits every job to an opened backend, and again what it wants again, as a storage worker or a delivery
// would: from one thread, in batches, with flush() after each and tick() about four times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "driver_host.hpp"
#include "driver_message.hpp"
#include "ringmx/backend.h"

namespace driver {

struct RunOptions {
    std::size_t batch = 16;      // messages in one submit()
    std::size_t in_flight = 64;  // submitted and not completed
    std::size_t span_octets = 65536;
    bool retry = false;  // submit again what was completed with retry
    std::chrono::milliseconds backoff_max{2000};
    std::chrono::seconds deadline{120};
};

// Prints a line for every completion. Returns false if the deadline passed before every job had its last, or
// if a completion was false.
bool run(const ringmx_backend& backend, ringmx_instance& instance, DriverHost& host, std::vector<Job>& jobs,
         const RunOptions& options);

}  // namespace driver
