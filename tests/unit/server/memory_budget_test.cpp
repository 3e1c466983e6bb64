#include "server/memory_budget.hpp"

#include <gtest/gtest.h>

#include "base/limits.hpp"
#include "server/connection.hpp"

namespace ringmx::server {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

config::ServerConfig with_memory(std::uint64_t bytes) {
    config::ServerConfig server;
    server.memory_bytes = bytes;
    return server;
}

std::uint64_t spent(const MemoryBudget& budget) {
    const std::uint64_t connections =
        std::uint64_t{budget.connections_per_core} * budget.cores * sizeof(Connection);
    return budget.fixed_bytes + budget.slab_bytes_per_core * budget.cores + connections;
}

TEST(MemoryBudget, PartsNeverExceedTheWhole) {
    for (const std::uint64_t mib : {96u, 128u, 256u, 1024u, 65536u}) {
        for (const unsigned cores : {1u, 2u, 3u}) {
            for (const std::uint64_t files : {1024u, 20000u, 1048576u}) {
                const auto budget = divide_memory(with_memory(mib * kMiB), cores, files);
                if (!budget) continue;
                EXPECT_LE(spent(*budget), mib * kMiB)
                    << mib << " MiB, " << cores << " cores, " << files << " files";
            }
        }
    }
}

TEST(MemoryBudget, TlsIsCountedForEachConnection) {
    const auto plain = divide_memory(with_memory(1024 * kMiB), 2, 1048576);
    const auto tls = divide_memory(with_memory(1024 * kMiB), 2, 1048576, 0, true);
    ASSERT_TRUE(plain && tls);
    EXPECT_LT(tls->connections_per_core, plain->connections_per_core);
    const std::uint64_t connections = std::uint64_t{tls->connections_per_core} * tls->cores;
    EXPECT_LE(spent(*tls) + connections * limits::tls_connection_bytes, 1024 * kMiB);
    EXPECT_GT(connections * limits::tls_connection_bytes, (1024 * kMiB - tls->fixed_bytes) / 5);
}

TEST(MemoryBudget, ClientsThatOthersNameTakeTheirPart) {
    const auto plain = divide_memory(with_memory(1024 * kMiB), 2, 1u << 24);
    const auto front = divide_memory(with_memory(1024 * kMiB), 2, 1u << 24, 0, false, true);
    ASSERT_TRUE(plain && front);
    EXPECT_LT(front->connections_per_core, plain->connections_per_core);
    const std::uint64_t connections = std::uint64_t{front->connections_per_core} * front->cores;
    EXPECT_LE(spent(*front) + connections * limits::front_connection_bytes, 1024 * kMiB);
}

TEST(MemoryBudget, TooLittleMemoryIsAnErrorThatNamesTheLeast) {
    const auto budget = divide_memory(with_memory(16 * kMiB), 2, 20000);
    ASSERT_FALSE(budget);
    EXPECT_NE(budget.error().message.find("server.memory"), std::string::npos);
    EXPECT_NE(budget.error().message.find("MiB"), std::string::npos);
}

TEST(MemoryBudget, FileLimitBoundsConnections) {
    const auto budget = divide_memory(with_memory(1024 * kMiB), 1, 1024);
    ASSERT_TRUE(budget);
    EXPECT_LT(budget->connections_per_core, 1024u);
    EXPECT_GT(budget->connections_per_core, 256u);
}

TEST(MemoryBudget, FileLimitIsThatOfEachCoresTable) {
    const auto one = divide_memory(with_memory(1024 * kMiB), 1, 4096);
    const auto four = divide_memory(with_memory(1024 * kMiB), 4, 4096);
    ASSERT_TRUE(one && four);
    EXPECT_EQ(four->connections_per_core, one->connections_per_core);
    const auto unlimited = divide_memory(with_memory(std::uint64_t{1} << 50), 2, UINT64_MAX);
    ASSERT_TRUE(unlimited);
    EXPECT_EQ(unlimited->connections_per_core, limits::connections_per_core_max);
}

TEST(MemoryBudget, ConfiguredConnectionsAreSpreadOverCores) {
    config::ServerConfig server = with_memory(1024 * kMiB);
    server.connections_max = 1001;
    const auto budget = divide_memory(server, 2, 20000);
    ASSERT_TRUE(budget);
    EXPECT_EQ(budget->connections_per_core, 501u);
}

TEST(MemoryBudget, ConnectionObjectIsSmallEnoughForIdleClients) {
    EXPECT_LE(sizeof(Connection), 512u);  // what an idle connection may cost of ours
}

TEST(MemoryBudget, DeliveryTakesItsWindowsFirst) {
    config::StorageConfig storage;
    EXPECT_EQ(storage_bytes(storage), 0u);
    storage.delivery.window_bytes = 64 * kMiB;
    storage.deliver = config::StorageDeliver::lmtp;
    EXPECT_EQ(storage_bytes(storage), 64 * kMiB + limits::delivery_fixed_bytes);
    storage.backend = config::StorageBackend::lmtp;
    storage.deliver = config::StorageDeliver::none;
    storage.fallback = config::StorageFallback::spool;
    storage.workers = 2;
    const std::size_t windows = storage_bytes(storage);
    EXPECT_EQ(windows, 3 * 64 * kMiB + limits::delivery_fixed_bytes) << "each worker's, and the delivery's";
    const auto budget = divide_memory(with_memory(1024 * kMiB), 2, 20000, windows);
    ASSERT_TRUE(budget);
    EXPECT_LE(spent(*budget), 1024 * kMiB);
    EXPECT_GE(budget->fixed_bytes, windows);
    const auto too_little = divide_memory(with_memory(256 * kMiB), 2, 20000, windows);
    ASSERT_FALSE(too_little);
    EXPECT_NE(too_little.error().message.find("delivery"), std::string::npos);
}

}  // namespace
}  // namespace ringmx::server
