// Keys are found by name for two lifetimes, from any thread.
#include "tls/ticket_keys.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::tls {

namespace {

TEST(TicketKeys, AKeyIsFoundForTwoLifetimes) {
    const auto keys = TicketKeys::create();
    ASSERT_NE(keys, nullptr);
    const TicketKey first = keys->current();
    EXPECT_TRUE(keys->find(first.name.data())->is_current);
    ASSERT_TRUE(keys->rotate());
    EXPECT_NE(keys->current().name, first.name);
    EXPECT_NE(keys->current().cipher_key, first.cipher_key);
    const auto found = keys->find(first.name.data());
    ASSERT_TRUE(found.has_value());
    EXPECT_FALSE(found->is_current);
    EXPECT_EQ(found->key.mac_key, first.mac_key);
    ASSERT_TRUE(keys->rotate());
    EXPECT_FALSE(keys->find(first.name.data()).has_value());
}

TEST(TicketKeys, NoPreviousKeyIsFoundBeforeTheFirstRotation) {
    const auto keys = TicketKeys::create();
    const std::array<unsigned char, 16> zero{};
    EXPECT_FALSE(keys->find(zero.data()).has_value());
}

TEST(TicketKeys, AKeyLeavesNothingInMemory) {
    alignas(TicketKey) std::array<std::byte, sizeof(TicketKey)> room;
    room.fill(std::byte{0xAA});
    auto* const key = new (room.data()) TicketKey{{1}, {2}, {3}};
    key->~TicketKey();
    EXPECT_EQ(std::count(room.begin(), room.end(), std::byte{0}), static_cast<std::ptrdiff_t>(room.size()));
}

TEST(TicketKeys, RotateUnderTheEyesOfReaders) {
    const auto keys = TicketKeys::create();
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            while (!stop.load()) {
                const TicketKey key = keys->current();
                // It was the current one a moment ago; two rotations in between are possible, but no other
                // key.
                if (const auto found = keys->find(key.name.data())) {
                    EXPECT_EQ(found->key.cipher_key, key.cipher_key);
                }
            }
        });
    }
    for (int i = 0; i < 2000; ++i)
        ASSERT_TRUE(keys->rotate());
    stop = true;
    for (std::thread& reader : readers)
        reader.join();
}

}  // namespace

}  // namespace ringmx::tls
