#include "server/memory_budget.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ringmx::server
