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

// A consumer wrote its record and died before it synced it. If the server relied on the record as it is, it
// could recycle the message's first segment and then lose the record: the message would be back without its
// first part.
TEST(SpoolAcks, RecordThatItsConsumerDidNotSyncIsSyncedBeforeItCounts) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SimSpool world(seed);
        world.open();
        world.submit(60'000);
        world.submit(140'000);  // begins in the first segment, is committed in the second
        world.submit(100);
        world.settle();
        auto reader = world.reader();
        std::vector<Cursor> cursors;
        for (int i = 0; i < 3; ++i)
            cursors.push_back((*reader->next())->cursor);
        ASSERT_LT(cursors[0].segment, cursors[1].segment);
        ASSERT_TRUE(reader->ack({cursors.data(), 1}).ok());
        std::vector<std::byte> record(kAckRecordBytes);
        encode_ack({cursors[1].segment, cursors[1].offset}, record.data());
        const std::string path = "/spool/shard-0000/" + acks_name(cursors[1].segment);
        ASSERT_TRUE((*world.disk.open(path, OpenMode::create))->write_at(0, record).ok());
        for (int i = 0; i < 20; ++i)
            world.settle();
        EXPECT_EQ(world.backend->segments().all().front()->sequence, cursors[1].segment) << "recycled by now";
        world.disk.crash();
        world.end();
        world.open();
        EXPECT_EQ(world.spool->report().corruptions, 0u) << "seed " << seed;
        EXPECT_EQ(world.spool->report().messages, 1u) << "seed " << seed;
    }
}

TEST(SpoolShards, ShardsBeyondTheHostsStayReadableUntilTheyAreConsumed) {
    SimSpool world;
    world.options.shards = 2;
    world.open();
    auto start = take_start(*world.spool, 1);
    ASSERT_TRUE(start.ok());
    EXPECT_FALSE(take_start(*world.spool, 1).ok()) << "each shard has one backend";
    auto disk = std::make_unique<test::SimShard>(world.disk, "/spool/shard-0001");
    world.shard = disk.get();
    world.backend = std::move(*SpoolBackend::create(std::move(*start), std::move(disk), world));
    for (int i = 0; i < 20; ++i) {
        world.submit(30'000);
        world.settle();
    }
    world.backend->close();
    world.end();
    world.options.shards = 1;
    world.open();
    EXPECT_EQ(world.spool->report().messages, 20u);
    EXPECT_EQ(world.spool->report().shards, 2u);
    auto reader = world.reader();
    std::size_t seen = 0;
    for (;; ++seen) {
        const auto next = reader->next();
        ASSERT_TRUE(next.ok());
        if (!*next) break;
        EXPECT_EQ((*next)->cursor.shard, 1u);
        ASSERT_TRUE(reader->ack({&(*next)->cursor, 1}).ok());
    }
    EXPECT_EQ(seen, 20u);
    world.backend->close();
    world.end();
    const std::uint64_t used = world.disk.used();
    world.open();
    EXPECT_LT(world.disk.used(), used) << "what nobody needs is removed at the next start";
    EXPECT_EQ(world.spool->report().messages, 0u);
}

}  // namespace
}  // namespace ringmx::storage::spool
