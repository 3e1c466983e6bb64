// Damage: a segment with any byte changed, or cut off anywhere, never shows wrong data, and what is lost of
// the acknowledged is reported as corruption, never passed off as a torn end.
#include <algorithm>

#include <gtest/gtest.h>

#include "sim_spool.hpp"

namespace ringmx::storage::spool {
namespace {

using test::SimSpool;
using test::TestMessage;

const std::string kSegment = "/spool/shard-0000/" + segment_name(1);

class SpoolDamage : public testing::Test {
 protected:
    // Three batches of two messages each: small ones, and one of two frames.
    void fill() {
        world_.open();
        for (int batch = 0; batch < 3; ++batch) {
            world_.submit(300);
            world_.submit(batch == 1 ? 66'000 : 900);
            world_.settle();
        }
        ASSERT_EQ(world_.answers.size(), 6u);
    }
    void stop() {
        world_.backend->close();
        world_.end();
    }
    void cut_power() {
        world_.disk.crash();
        world_.end();
    }

    // What may be wrong with what is read: nothing but losses, and those are reported.
    void expect_honest(const std::string& what, std::size_t unreported_from) {
        auto reader = world_.reader();
        const std::vector<MessageId> found = world_.read_all(*reader);
        const auto report = reader->verify();
        ASSERT_TRUE(report.ok());
        EXPECT_LE(report->messages, world_.messages.size()) << what;
        for (std::size_t i = 0; i < world_.messages.size(); ++i) {
            const bool there =
                std::find(found.begin(), found.end(), world_.messages[i]->message.id) != found.end();
            if (!there && i < unreported_from) {
                EXPECT_GT(report->corruptions, 0u)
                    << what << ": message " << i << " is gone and nobody says so";
            }
        }
        if (found.size() == world_.messages.size()) {
            EXPECT_EQ(report->messages, found.size()) << what;
        }
    }

    // Every byte of the log's first batch, and some of the rest; under ThreadSanitizer some of both.
    template <typename F>
    void for_each_place(std::size_t end, F&& f) {
#if defined(RINGMX_TEST_THREAD_SANITIZER)
        constexpr std::size_t stride = 61;
#else
        constexpr std::size_t stride = 1;
#endif
        for (std::size_t at = 0; at < end && !HasFailure(); at += at < 4096 ? stride : 251)
            f(at);
    }

    SimSpool world_;
};

TEST_F(SpoolDamage, EveryChangedByteOfAClosedSegmentIsFoundOrHarmless) {
    fill();
    stop();
    std::vector<std::byte>& bytes = world_.disk.contents(kSegment);
    for_each_place(bytes.size(), [&](std::size_t at) {
        bytes[at] ^= std::byte{0x40};
        // Without its footer, nobody knows whether the last batch was acknowledged: nothing states it.
        expect_honest("byte " + std::to_string(at), 6);
        bytes[at] ^= std::byte{0x40};
    });
}

TEST_F(SpoolDamage, EveryChangedByteOfAnOpenSegmentIsFoundUnlessItIsInTheLastBatch) {
    fill();
    cut_power();
    std::vector<std::byte>& bytes = world_.disk.contents(kSegment);
    for_each_place(bytes.size(), [&](std::size_t at) {
        bytes[at] ^= std::byte{0x01};
        expect_honest("byte " + std::to_string(at), 4);
        bytes[at] ^= std::byte{0x01};
    });
}

TEST_F(SpoolDamage, SegmentCutOffAnywhereShowsNoWrongData) {
    fill();
    stop();
    const std::vector<std::byte> whole = world_.disk.contents(kSegment);
    for_each_place(whole.size(), [&](std::size_t at) {
        world_.disk.contents(kSegment).assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
        expect_honest("cut at " + std::to_string(at), 0);
    });
}

TEST_F(SpoolDamage, WhatStandsBehindDamageIsStillShown) {
    fill();
    stop();
    std::vector<std::byte>& bytes = world_.disk.contents(kSegment);
    bytes[200] ^= std::byte{1};  // the first message's payload: its header tells where the next one is
    auto reader = world_.reader();
    EXPECT_EQ(world_.read_all(*reader).size(), 5u);
    ASSERT_EQ(reader->problems().size(), 1u);
    EXPECT_EQ(reader->problems().front().kind, Problem::Kind::corruption);
    EXPECT_EQ(reader->problems().front().place, (Cursor{0, 1, 0}));
    bytes[10] ^= std::byte{1};  // now its header too: the next block is found
    reader = world_.reader();
    EXPECT_EQ(world_.read_all(*reader).size(), 4u);
}

TEST_F(SpoolDamage, DamageIsReportedAtStartAndTheServerStarts) {
    fill();
    cut_power();
    world_.disk.contents(kSegment)[200] ^= std::byte{1};
    world_.open();
    EXPECT_EQ(world_.spool->report().corruptions, 1u);
    EXPECT_EQ(world_.spool->report().messages, 5u);
    const TestMessage& later = world_.submit(10);
    world_.settle();
    EXPECT_EQ(world_.answer(later), StoreStatus::stored);
}

TEST_F(SpoolDamage, DamageInTheLastBatchOfAnOpenSegmentIsATornEndOnce) {
    fill();
    const std::uint32_t last_batch = world_.backend->segments().active()->write_at - 4096;
    cut_power();
    // No later batch states that this one was acknowledged: it could as well have been cut off in flight.
    world_.disk.contents(kSegment)[last_batch + 200] ^= std::byte{1};
    world_.open();
    EXPECT_EQ(world_.spool->report().torn_ends, 1u);
    EXPECT_EQ(world_.spool->report().corruptions, 0u);
    EXPECT_EQ(world_.spool->report().messages, 4u);
    cut_power();
    world_.open();
    EXPECT_EQ(world_.spool->report().torn_ends, 0u) << "the first start wrote the footer";
    EXPECT_EQ(world_.spool->report().messages, 4u);
}

// A sender who knows the format and guesses the segment and the offset, but not the tag.
TEST_F(SpoolDamage, FrameInsideMailDataIsNotTakenForOne) {
    for (const bool knows_the_tag : {false, true}) {
        SimSpool world;
        world.open();
        const auto tag = read_tag(world.disk, world.options.path);
        ASSERT_TRUE(tag.ok());
        auto carrier = TestMessage::make(world.ids.next(1), 60'000, 5);
        std::vector<std::byte> payload(10);
        FrameHeader forged;
        forged.kind = FrameKind::commit;
        forged.tag = knows_the_tag ? *tag : *tag + 1;
        forged.segment = 1;
        forged.offset = 2 * 4096;
        forged.payload_bytes = forged.envelope_bytes = 10;
        forged.payload_crc = scan::crc32c(0, payload);
        Chunk& chunk =
            *carrier->message.first;  // written from its memory: its byte n is the segment's byte n
        encode_frame_header(forged, chunk.memory + forged.offset);
        std::memcpy(chunk.memory + forged.offset + kFrameHeaderBytes, payload.data(), payload.size());
        chunk.crc = scan::crc32c(0, chunk.payload());
        const StoreRequest request{StoreOp::commit, &carrier->message, nullptr};
        world.backend->submit({&request, 1});
        world.settle();
        world.backend->close();
        world.end();
        world.disk.contents(kSegment)[10] ^= std::byte{1};  // damage makes the reader search
        auto reader = world.reader();
        const auto found = reader->next();
        ASSERT_TRUE(found.ok());
        EXPECT_EQ(found->has_value(), knows_the_tag) << "the tag alone must make the difference";
    }
}

}  // namespace
}  // namespace ringmx::storage::spool
