// Provided receive buffers: what the kernel takes is ours until given back, and running out is an answer.
#include "ring/buffer_ring.hpp"

#include <cerrno>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/poison.hpp"

namespace ringmx::ring {
namespace {

constexpr std::uint16_t kGroup = 3;
constexpr std::uint32_t kBuffers = 4;
constexpr std::size_t kBufferBytes = 512;

struct Completion {
    std::int32_t res = 0;
    std::uint32_t flags = 0;
};

class BufferRingTest : public ::testing::Test {
 protected:
    void SetUp() override {
        RingOptions options;
        options.submission_entries = 8;
        options.completion_entries = 64;
        auto ring = Ring::create(options);
        ASSERT_TRUE(ring.ok());
        ring_ = std::move(*ring);
        auto buffers = BufferRing::create(*ring_, kGroup, kBuffers, kBufferBytes);
        ASSERT_TRUE(buffers.ok()) << buffers.error().message;
        buffers_ = std::move(*buffers);
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    }
    void TearDown() override {
        close(ends_[0]);
        close(ends_[1]);
    }
    void arm() {
        io_uring_sqe* sqe = ring_->request();
        io_uring_prep_recv_multishot(sqe, ends_[0], nullptr, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = kGroup;
        sqe->user_data = UserData{1, 0, 0}.pack();
        ASSERT_EQ(ring_->enter(0), 0);
    }
    void send_text(const std::string& text) {
        ASSERT_EQ(send(ends_[1], text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    }
    Completion next() {
        Completion seen;
        for (int count = 0; count == 0;) {
            EXPECT_EQ(ring_->enter(-1), 0);
            ring_->reap([&](const io_uring_cqe& cqe) {
                seen = {cqe.res, cqe.flags};
                ++count;
            });
            EXPECT_LE(count, 1);
        }
        return seen;
    }

    std::unique_ptr<Ring> ring_;
    std::unique_ptr<BufferRing> buffers_;
    int ends_[2] = {-1, -1};
};

TEST_F(BufferRingTest, ReceivedOctetsAreSeenAndBuffersGoRound) {
    EXPECT_EQ(buffers_->supplied(), kBuffers);
    arm();
    for (int i = 0; i < 70'000; ++i) {  // past the 16 bits of the ring's tail
        const std::string text = "message " + std::to_string(i);
        send_text(text);
        const Completion seen = next();
        ASSERT_EQ(seen.res, static_cast<std::int32_t>(text.size()));
        ASSERT_TRUE(seen.flags & IORING_CQE_F_BUFFER);
        ASSERT_TRUE(seen.flags & IORING_CQE_F_MORE);
        buffers_->taken();
        ASSERT_EQ(buffers_->supplied(), kBuffers - 1);
        const std::uint16_t id = BufferRing::buffer_id(seen.flags);
        ASSERT_EQ(as_text(buffers_->view(id, text.size())), text);
        buffers_->give_back(id);
        buffers_->publish();
    }
    EXPECT_EQ(buffers_->supplied(), kBuffers);
}

TEST_F(BufferRingTest, RunningOutIsReportedAndRefillingCures) {
    arm();
    std::uint16_t held[kBuffers];
    for (std::uint16_t& id : held) {
        send_text("x");
        const Completion seen = next();
        ASSERT_EQ(seen.res, 1);
        id = BufferRing::buffer_id(seen.flags);
        buffers_->taken();
    }
    EXPECT_EQ(buffers_->supplied(), 0u);
    send_text("late");
    const Completion refused = next();
    EXPECT_EQ(refused.res, -ENOBUFS);
    EXPECT_FALSE(refused.flags & IORING_CQE_F_MORE);
    for (const std::uint16_t id : held)
        buffers_->give_back(id);
    buffers_->publish();
    arm();
    const Completion seen = next();
    ASSERT_EQ(seen.res, 4);
    buffers_->taken();
    EXPECT_EQ(as_text(buffers_->view(BufferRing::buffer_id(seen.flags), 4)), "late");
}

TEST_F(BufferRingTest, KernelIsGivenAFewAndMoreOnceItRanOut) {
    constexpr std::uint32_t kMany = 4 * BufferRing::supply_min;
    auto many = BufferRing::create(*ring_, kGroup + 1, kMany, kBufferBytes);
    ASSERT_TRUE(many.ok());
    EXPECT_EQ((*many)->supplied(), BufferRing::supply_min);
    (*many)->ran_out();
    (*many)->publish();
    EXPECT_EQ((*many)->supplied(), 2 * BufferRing::supply_min);
    for (int i = 0; i < 3; ++i)
        (*many)->ran_out();
    (*many)->publish();
    EXPECT_EQ((*many)->supplied(), kMany);  // all that there are
}

TEST_F(BufferRingTest, KernelIsGivenSoManyToBeginWith) {
    const auto all = BufferRing::create(*ring_, kGroup + 1, 64, kBufferBytes, 64);
    ASSERT_TRUE(all.ok());
    EXPECT_EQ((*all)->supplied(), 64u);
}

TEST_F(BufferRingTest, SupplyShrinksWhenLessWasEnough) {
    constexpr std::uint32_t kMany = 4 * BufferRing::supply_min;
    auto many = BufferRing::create(*ring_, kGroup + 1, kMany, kBufferBytes);
    ASSERT_TRUE(many.ok());
    BufferRing& buffers = **many;
    buffers.ran_out();
    buffers.publish();
    // Half of it in use at once: it stays.
    for (std::uint16_t id = 0; id < BufferRing::supply_min; ++id)
        buffers.taken();
    buffers.publish();
    for (std::uint16_t id = 0; id < BufferRing::supply_min; ++id)
        buffers.give_back(id);
    buffers.settle();
    buffers.taken();
    buffers.give_back(0);
    buffers.publish();
    EXPECT_EQ(buffers.supplied(), 2 * BufferRing::supply_min);
    // One at a time since then.
    buffers.settle();
    buffers.taken();
    buffers.give_back(0);
    buffers.publish();
    EXPECT_EQ(buffers.supplied(), 2 * BufferRing::supply_min - 1);
}

TEST_F(BufferRingTest, TheBufferUsedLastIsTakenFirst) {
    arm();
    std::uint16_t first = 0;
    for (int i = 0; i < 20; ++i) {
        send_text("x");
        const Completion seen = next();
        ASSERT_EQ(seen.res, 1);
        const std::uint16_t id = BufferRing::buffer_id(seen.flags);
        buffers_->taken();
        buffers_->give_back(id);
        if (i == 0) first = id;
        // Unpublished: the kernel goes on with those that it has, and then has none.
        if (i + 1 < static_cast<int>(kBuffers)) continue;
        buffers_->publish();
        break;
    }
    EXPECT_EQ(first, 0);
    send_text("y");
    const Completion seen = next();
    ASSERT_EQ(seen.res, 1);
    EXPECT_EQ(BufferRing::buffer_id(seen.flags), kBuffers - 1);
    buffers_->taken();
}

TEST_F(BufferRingTest, MemoryIsWholePages) {
    EXPECT_EQ(buffers_->memory_bytes() % 4096, 0u);
    EXPECT_GE(buffers_->memory_bytes(), kBuffers * kBufferBytes + 4096);
}

TEST_F(BufferRingTest, GroupInUseIsRefused) {
    auto second = BufferRing::create(*ring_, kGroup, kBuffers, kBufferBytes);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, EEXIST);
}

using BufferRingDeathTest = BufferRingTest;

TEST_F(BufferRingDeathTest, MoreBuffersThanThereAreCannotComeBack) {
    EXPECT_DEATH(buffers_->give_back(0), "invariant");
}

#ifdef RINGMX_ASAN
TEST_F(BufferRingDeathTest, ReadingWhatTheKernelHoldsIsFound) {
    const Bytes octets = buffers_->view(0, 1);
    buffers_->taken();
    buffers_->give_back(0);
    EXPECT_DEATH(
        {
            volatile std::byte octet = octets[0];
            (void)octet;
        },
        "use-after-poison");
}
#endif

}  // namespace
}  // namespace ringmx::ring
