// Faults of the disk while the server runs: nothing in flight is acknowledged, the server lives, and recovers
// by itself.
#include <gtest/gtest.h>

#include "sim_spool.hpp"

namespace ringmx::storage::spool {
namespace {

using test::SimSpool;
using test::TestMessage;

TEST(SpoolFaults, FailedWriteAnswersRetryAndTheNextSegmentTakesOver) {
    SimSpool world;
    world.open();
    const auto& before = world.submit(500);
    world.settle();
    world.disk.write_errors_per_thousand = 1000;
    const auto& during = world.submit(500);
    world.backend->flush();
    const auto& behind = world.submit(500);  // a second batch, in flight on the same segment
    world.backend->flush();
    while (world.shard->finish_one()) {
        world.disk.write_errors_per_thousand = 0;
    }
    world.settle();
    const auto& after = world.submit(500);
    world.settle();
    EXPECT_EQ(world.answer(before), StoreStatus::stored);
    EXPECT_EQ(world.answer(during), StoreStatus::retry);
    EXPECT_EQ(world.answer(behind), StoreStatus::retry)
        << "nothing in flight on a poisoned segment is acknowledged";
    EXPECT_EQ(world.answer(after), StoreStatus::stored);
    EXPECT_EQ(world.backend->counters().io_errors, 1u);
    EXPECT_TRUE(world.backend->accepting());
    const auto shown = world.read_all(*world.reader());
    EXPECT_EQ(shown, (std::vector<MessageId>{before.message.id, after.message.id}));
}

TEST(SpoolFaults, FullDiskRefusesNewMailAndRecoversWhenSpaceReturns) {
    SimSpool world;
    world.disk.capacity = 3 * world.options.segment_bytes + 4096;
    world.open();
    std::vector<const TestMessage*> stored;
    const TestMessage* refused = nullptr;
    for (int i = 0; i < 40 && refused == nullptr; ++i) {
        const TestMessage& message = world.submit(30'000);
        world.settle();
        (world.answer(message) == StoreStatus::stored ? stored.push_back(&message)
                                                      : void(refused = &message));
    }
    ASSERT_NE(refused, nullptr);
    EXPECT_EQ(world.answer(*refused), StoreStatus::full);
    EXPECT_FALSE(world.backend->accepting());
    EXPECT_EQ(world.read_all(*world.reader()).size(), stored.size());
    world.disk.capacity = UINT64_MAX;
    for (int i = 0; i < 20; ++i)
        world.settle();
    EXPECT_TRUE(world.backend->accepting());
    const TestMessage& after = world.submit(30'000);
    world.settle();
    EXPECT_EQ(world.answer(after), StoreStatus::stored);
}

TEST(SpoolFaults, ConsumersMakeRoomOnAFullDisk) {
    SimSpool world;
    world.disk.capacity = 3 * world.options.segment_bytes + 64 * 1024;
    world.open();
    for (int i = 0; i < 40; ++i) {
        world.submit(30'000);
        world.settle();
    }
    EXPECT_FALSE(world.backend->accepting());
    auto reader = world.reader();
    for (;;) {
        const auto next = reader->next();
        ASSERT_TRUE(next.ok());
        if (!*next) break;
        ASSERT_TRUE(reader->ack({&(*next)->cursor, 1}).ok());
    }
    for (int i = 0; i < 40; ++i)
        world.settle();
    EXPECT_TRUE(world.backend->accepting());
    const TestMessage& after = world.submit(30'000);
    world.settle();
    EXPECT_EQ(world.answer(after), StoreStatus::stored);
}

TEST(SpoolFaults, LowSpaceRefusesBeforeTheDiskIsFull) {
    SimSpool world;
    world.options.min_free_bytes = 1u << 20;
    world.disk.capacity = (1u << 20) + 5 * world.options.segment_bytes;
    world.open();
    world.settle();
    EXPECT_TRUE(world.backend->accepting());
    world.disk.capacity = 1u << 20;
    for (int i = 0; i < 5; ++i)
        world.settle();
    EXPECT_FALSE(world.backend->accepting());
    // What was let in before is still stored: its segment is there.
    const TestMessage& late = world.submit(1000);
    world.settle();
    EXPECT_EQ(world.answer(late), StoreStatus::stored);
}

TEST(SpoolFaults, FullDiskIsNoReasonNotToStart) {
    SimSpool world;
    world.open();
    const TestMessage& message = world.submit(1000);
    world.settle();
    world.disk.crash();
    world.end();
    world.disk.capacity = world.disk.used();
    world.open();
    EXPECT_EQ(world.read_all(*world.reader()), (std::vector<MessageId>{message.message.id}));
}

TEST(SpoolFaults, StreamedPartsOfALostMessageAreAnsweredRetryAndItsAbortAborted) {
    SimSpool world;
    world.open();
    auto message = TestMessage::make(world.ids.next(1), 140'000, 9);
    Chunk* part = message->message.first;
    message->message.first = part->next;
    part->next = nullptr;
    world.disk.write_errors_per_thousand = 1000;
    const StoreRequest request{StoreOp::part, &message->message, part};
    world.backend->submit({&request, 1});
    world.backend->flush();
    while (world.shard->finish_one()) {
        world.disk.write_errors_per_thousand = 0;
    }
    ASSERT_EQ(world.part_answers, std::vector<StoreStatus>{StoreStatus::retry});
    const StoreRequest abort{StoreOp::abort, &message->message, nullptr};
    world.backend->submit({&abort, 1});
    world.settle();
    EXPECT_EQ(world.answer(*message), StoreStatus::aborted);
    EXPECT_TRUE(world.read_all(*world.reader()).empty());
}

}  // namespace
}  // namespace ringmx::storage::spool
