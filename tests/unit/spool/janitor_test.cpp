// When the janitor writes the zeros of a segment that it prepares: at the pace of the log, unless they are
// urgent.
#include "storage/spool/janitor.hpp"

#include <cstdint>
#include <deque>

#include <gtest/gtest.h>

namespace ringmx::storage::spool {
namespace {

constexpr std::uint64_t kSegmentBytes = 16u << 20;

// Every request succeeds, when drain() says so.
class PatientDisk final : public Disk {
 public:
    void start(DiskOp& op) override {
        op.in_flight = true;
        started_.push_back(&op);
    }
    Result<int> open_now(const char*) override { return 3; }
    Result<std::uint64_t> free_bytes() override { return std::uint64_t{1} << 40; }
    void drain() override {
        while (!started_.empty()) {
            DiskOp& op = *started_.front();
            started_.pop_front();
            op.in_flight = false;
            op.client->disk_done(op, result_of(op));
        }
    }
    std::uint64_t zeros = 0;
    int removed = 0;
    int closed = 0;

 private:
    std::int64_t result_of(const DiskOp& op) {
        switch (op.kind) {
            case DiskOp::Kind::create_segment:
                return 3;
            case DiskOp::Kind::open_read:
                return -ENOENT;
            case DiskOp::Kind::write:
                zeros += op.bytes;
                return static_cast<std::int64_t>(op.bytes);
            case DiskOp::Kind::remove:
                ++removed;
                return 0;
            case DiskOp::Kind::close:
                ++closed;
                return 0;
            default:
                return 0;
        }
    }
    std::deque<DiskOp*> started_;
};

class JanitorZeros : public testing::Test {
 protected:
    void add_ready() {
        LiveSegment& segment = segments_.add(1);
        segment.frames_end = kSegmentBytes - kFooterBytes;
        segment.file = 2;
    }
    void work() {
        janitor_.work();
        disk_.drain();
    }
    void tick() {
        now_.mono_ns += kNsPerSecond / 4;
        janitor_.tick(now_);
        disk_.drain();
    }

    PatientDisk disk_;
    SegmentTable segments_;
    Janitor janitor_{disk_, segments_, {.tag = 7, .segment_bytes = kSegmentBytes, .next_sequence = 2}};
    Now now_{kNsPerSecond, 1'700'000'000'000'000};
};

TEST_F(JanitorZeros, AreWrittenAtOnceWhenNothingIsReady) {
    work();
    EXPECT_GE(disk_.zeros, kSegmentBytes);
    EXPECT_GE(segments_.ready_count(), 1u);
}

TEST_F(JanitorZeros, FollowTheLogWhenASegmentIsReady) {
    add_ready();
    work();
    EXPECT_EQ(disk_.zeros, 0u);
    std::uint64_t log = 0;
    while (segments_.ready_count() < 2 && log < kSegmentBytes) {
        janitor_.log_grew(64u << 10);
        log += 64u << 10;
        work();
        EXPECT_LE(disk_.zeros, 2 * log);
    }
    EXPECT_EQ(segments_.ready_count(), 2u);
    EXPECT_LE(log, kSegmentBytes / 2 + (256u << 10));
    EXPECT_EQ(disk_.zeros, kSegmentBytes);
}

TEST_F(JanitorZeros, ArePreparedInSomeSecondsWithoutMail) {
    add_ready();
    tick();
    EXPECT_GT(disk_.zeros, 0u);
    EXPECT_LT(disk_.zeros, kSegmentBytes / 4);
    for (int ticks = 0; segments_.ready_count() < 2 && ticks < 40; ++ticks)
        tick();
    EXPECT_EQ(segments_.ready_count(), 2u);
}

TEST_F(JanitorZeros, AreUrgentWhenTheLastSegmentIsNearlyFull) {
    add_ready();
    work();
    ASSERT_TRUE(segments_.roll());
    work();
    EXPECT_EQ(disk_.zeros, 0u) << "nothing is ready, but the active segment is empty";
    segments_.active()->write_at = kSegmentBytes / 8 * 7;
    janitor_.nudge();
    work();
    EXPECT_GE(disk_.zeros, kSegmentBytes);
    EXPECT_GE(segments_.ready_count(), 1u);
}

TEST_F(JanitorZeros, ThatWaitLeaveNoFileBehindAtTheEnd) {
    add_ready();
    tick();
    ASSERT_GT(disk_.zeros, 0u);
    EXPECT_FALSE(janitor_.idle());
    janitor_.finish_up();
    janitor_.nudge();
    for (int turns = 0; !janitor_.idle() && turns < 10; ++turns)
        work();
    EXPECT_TRUE(janitor_.idle());
    EXPECT_EQ(disk_.closed, 1);
    EXPECT_EQ(disk_.removed, 1);
}

}  // namespace
}  // namespace ringmx::storage::spool
