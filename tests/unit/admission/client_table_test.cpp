// A core's table of clients: places stay while they are in use, and are reused when nothing is known any
// more.
#include "admission/client_table.hpp"

#include <set>

#include <gtest/gtest.h>

namespace ringmx::admission {
namespace {

constexpr std::int64_t kNow = 7'000 * kNsPerSecond;
using Level = ClientTable::Level;

bool take(ClientTable::Client& client, Rate rate, std::uint32_t per_minute, std::int64_t now_ns) {
    return Level::take(client.empty_at[static_cast<std::size_t>(rate)], Level::ticks(now_ns),
                       Level::interval(per_minute));
}

TEST(ClientTable, ConnectionsOfOneClientShareItsPlace) {
    ClientTable table(64);
    const std::uint32_t first = table.enter(11, 5, kNow);
    ASSERT_NE(first, kNowhere);
    EXPECT_EQ(table.enter(11, 5, kNow), first);
    EXPECT_EQ(table.at(first).open, 2u);
    EXPECT_NE(table.enter(12, 6, kNow), first);
}

TEST(ClientTable, WhatAClientHasUsedIsKnownWhenItComesBack) {
    ClientTable table(64);
    const std::uint32_t place = table.enter(11, kNowhere, kNow);
    EXPECT_TRUE(take(table.at(place), Rate::errors, 1, kNow));
    table.leave(place);
    table.sweep(0, 64, kNow + 30 * kNsPerSecond);
    const std::uint32_t again = table.enter(11, kNowhere, kNow + 30 * kNsPerSecond);
    EXPECT_EQ(again, place);
    EXPECT_FALSE(take(table.at(again), Rate::errors, 1, kNow + 30 * kNsPerSecond));
    EXPECT_TRUE(take(table.at(again), Rate::messages, 1, kNow + 30 * kNsPerSecond)) << "each rate by itself";
    EXPECT_TRUE(take(table.at(again), Rate::errors, 1, kNow + 61 * kNsPerSecond));
}

TEST(ClientTable, IdleEntriesAreReusedAndOthersAreNot) {
    ClientTable table(16);
    std::set<std::uint32_t> places;
    for (std::uint64_t client = 1; client <= 16; ++client)
        places.insert(table.enter(client, kNowhere, kNow));
    EXPECT_EQ(places.size(), 16u);
    EXPECT_EQ(places.count(kNowhere), 0u);
    EXPECT_EQ(table.enter(17, kNowhere, kNow), kNowhere) << "all have a connection";

    const std::uint32_t gone = table.enter(3, kNowhere, kNow);  // its second connection
    table.leave(gone);
    EXPECT_EQ(table.enter(17, kNowhere, kNow), kNowhere);
    take(table.at(gone), Rate::messages, 1, kNow);
    table.leave(gone);
    EXPECT_EQ(table.enter(17, kNowhere, kNow), kNowhere) << "the client's minute still counts";
    EXPECT_EQ(table.enter(17, kNowhere, kNow + 60 * kNsPerSecond), gone);
    EXPECT_EQ(table.at(gone).key, 17u);
}

TEST(ClientTable, ASweepFreesWhatIsIdle) {
    ClientTable table(16);
    const std::uint32_t kept = table.enter(1, kNowhere, kNow);
    const std::uint32_t freed = table.enter(2, kNowhere, kNow);
    table.leave(freed);
    table.sweep(0, 16, kNow);
    EXPECT_EQ(table.at(kept).key, 1u);
    EXPECT_EQ(table.at(freed).key, 0u);
}

}  // namespace
}  // namespace ringmx::admission
