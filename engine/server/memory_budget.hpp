// How server.memory is divided: what is fixed comes first, connections take at most a quarter of the rest,
// and all that remains is for messages, input that waits, and replies.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "config/config.hpp"

namespace ringmx::server {

struct MemoryBudget {
    unsigned cores = 1;
    std::uint32_t connections_per_core = 0;
    std::size_t slab_bytes_per_core = 0;
    std::size_t fixed_bytes = 0;  // of the whole process: program, rings, receive buffers, storage batches,
                                  // queues, log, admission's tables
};

// What storage takes beside the cores: a delivery, and the windows of fallbacks.
std::size_t storage_bytes(const config::StorageConfig& storage);

// Whether there is TLS, which each connection may have, is in `tls`; whether proxies
// or other MTAs may name clients, in `front`. `files_max`: RLIMIT_NOFILE, which
// holds for each core.
// `storage_fixed_bytes`: storage_bytes(). The error says how much memory these settings need at least.
Result<MemoryBudget> divide_memory(const config::ServerConfig& server, unsigned cores,
                                   std::uint64_t files_max, std::size_t storage_fixed_bytes = 0,
                                   bool tls = false, bool front = false);

}  // namespace ringmx::server
