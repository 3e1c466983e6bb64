// The hand-off queue: bounds, order, staging, and two threads.
#include "storage/spsc_queue.hpp"

#include <array>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::storage {
namespace {

TEST(SpscQueue, StagedItemsAppearWithPublish) {
    SpscQueue<int> queue(4);
    std::array<int, 8> out{};
    EXPECT_TRUE(queue.push(1));
    EXPECT_TRUE(queue.unpublished());
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.pop(out), 0u);
    EXPECT_TRUE(queue.publish());
    EXPECT_FALSE(queue.publish());
    EXPECT_FALSE(queue.empty());
    EXPECT_EQ(queue.pop(out), 1u);
    EXPECT_EQ(out[0], 1);
    EXPECT_TRUE(queue.empty());
}

TEST(SpscQueue, TakesExactlyItsCapacity) {
    SpscQueue<int> queue(4);
    const std::array<int, 6> items = {1, 2, 3, 4, 5, 6};
    EXPECT_EQ(queue.push(std::span<const int>(items)), 4u);
    EXPECT_FALSE(queue.push(7));
    queue.publish();
    std::array<int, 3> out{};
    EXPECT_EQ(queue.pop(out), 3u);
    EXPECT_EQ(out, (std::array<int, 3>{1, 2, 3}));
    EXPECT_EQ(queue.push(std::span<const int>(items)), 3u);
}

TEST(SpscQueue, KeepsOrderRoundTheWrap) {
    SpscQueue<std::uint32_t> queue(8);
    std::mt19937 random(7);
    std::uint32_t pushed = 0;
    std::uint32_t popped = 0;
    std::array<std::uint32_t, 8> out{};
    for (int round = 0; round < 10'000; ++round) {
        for (auto count = random() % 9; count > 0 && queue.push(pushed); --count)
            ++pushed;
        if (random() % 2 == 0) queue.publish();
        const std::size_t count = queue.pop(std::span(out).first(random() % 9));
        for (std::size_t i = 0; i < count; ++i)
            ASSERT_EQ(out[i], popped++);
        ASSERT_LE(pushed - popped, 8u);
    }
    EXPECT_GT(popped, 1000u);
}

// What the producer wrote elsewhere before publishing is seen by the consumer (ThreadSanitizer checks it,
// too).
TEST(SpscQueue, HandsMemoryFromThreadToThread) {
    constexpr std::uint32_t items = 200'000;
    SpscQueue<std::uint32_t*> queue(64);
    std::vector<std::uint32_t> memory(items);
    std::thread producer([&] {
        std::mt19937 random(1);
        for (std::uint32_t i = 0; i < items;) {
            memory[i] = i * 3;
            if (!queue.push(&memory[i])) {
                queue.publish();
                std::this_thread::yield();
                continue;
            }
            ++i;
            if (random() % 16 == 0) queue.publish();
        }
        queue.publish();
    });
    std::array<std::uint32_t*, 24> out{};
    std::uint32_t seen = 0;
    while (seen < items) {
        const std::size_t count = queue.pop(out);
        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_EQ(out[i], &memory[seen]);
            ASSERT_EQ(*out[i], seen * 3);
            ++seen;
        }
        if (count == 0) std::this_thread::yield();
    }
    producer.join();
    EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace ringmx::storage
