#include "server/memory_budget.hpp"

#include <algorithm>
#include <string>

#include "base/limits.hpp"
#include "server/admission_setup.hpp"
#include "server/connection.hpp"

namespace ringmx::server {

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kProcessBytes =
    20 * kMiB;  // program, libraries, allocator, log and admin threads; measured 9 to 14
constexpr std::size_t kRingBytes = 2 * kMiB;  // submission and completion queues
constexpr std::size_t kSlabBytesMin =
    8 * kMiB;  // per core: below this a server cannot take one large message well
// A connection is no descriptor of the process but one of its core's ring, whose table may have as many
// entries as the process may have files. So many of them are for what is not a connection.
constexpr std::uint64_t kFilesReserved = 256;

// A connection's own object, its timer, its places in the core's lists, and a message object.
constexpr std::size_t kConnectionBytes = sizeof(Connection) + 64 + sizeof(Message);

std::size_t core_fixed_bytes() {
    return kRingBytes + limits::receive_buffers * limits::receive_buffer_bytes +
           limits::receive_buffer_bulk_bytes +
           (limits::spool_batches_in_flight + 2) * limits::spool_batch_bytes_max + limits::log_ring_bytes +
           limits::store_queue_entries * 2 * 64 + admission_core_bytes();
}

}  // namespace

std::size_t storage_bytes(const config::StorageConfig& storage) {
    if (!config::delivers(storage)) return 0;
    const std::size_t windows = storage.fallback == config::StorageFallback::none ? 1 : 1 + storage.workers;
    return limits::delivery_fixed_bytes + windows * storage.delivery.window_bytes;
}

Result<MemoryBudget> divide_memory(const config::ServerConfig& server, unsigned cores,
                                   std::uint64_t files_max, std::size_t storage_fixed_bytes, bool tls,
                                   bool front) {
    const std::size_t connection_bytes = kConnectionBytes + (tls ? limits::tls_connection_bytes : 0) +
                                         (front ? limits::front_connection_bytes : 0);
    MemoryBudget budget;
    budget.cores = cores;
    budget.fixed_bytes =
        kProcessBytes + admission_shared_bytes() + cores * core_fixed_bytes() + storage_fixed_bytes;
    const std::uint64_t least = budget.fixed_bytes + cores * kSlabBytesMin * 4 / 3;
    if (server.memory_bytes < least) {
        return Error{0, "server.memory: " + std::to_string(cores) + " cores" +
                            (storage_fixed_bytes == 0 ? "" : " and the windows of delivery") +
                            " need at least " + std::to_string((least + kMiB - 1) / kMiB) + "MiB"};
    }
    const std::uint64_t rest = server.memory_bytes - budget.fixed_bytes;
    const std::uint64_t table =
        std::min<std::uint64_t>(files_max > 2 * kFilesReserved ? files_max - kFilesReserved : files_max / 2,
                                limits::connections_per_core_max);
    std::uint64_t connections = table * cores;
    if (server.connections_max != 0)
        connections = std::min<std::uint64_t>(connections, server.connections_max);
    connections = std::min<std::uint64_t>(connections, rest / 4 / connection_bytes);
    budget.connections_per_core =
        static_cast<std::uint32_t>(std::max<std::uint64_t>((connections + cores - 1) / cores, 1));
    budget.slab_bytes_per_core = (rest - budget.connections_per_core * cores * connection_bytes) / cores;
    return budget;
}

}  // namespace ringmx::server
