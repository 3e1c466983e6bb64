// The ring: submission, waiting, completions, overflow, handlers.
#include "ring/ring.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.hpp"

namespace ringmx::ring {
namespace {

constexpr std::uint8_t kOpNop = 1;
constexpr std::uint8_t kOpRead = 2;

std::unique_ptr<Ring> small_ring(std::uint32_t submissions = 8, std::uint32_t completions = 16) {
    RingOptions options;
    options.submission_entries = submissions;
    options.completion_entries = completions;
    auto ring = Ring::create(options);
    EXPECT_TRUE(ring.ok()) << (ring.ok() ? "" : ring.error().message);
    return std::move(*ring);
}

void nop(Ring& ring, std::uint32_t slot) {
    io_uring_sqe* sqe = ring.request();
    io_uring_prep_nop(sqe);
    sqe->user_data = UserData{kOpNop, slot, 0}.pack();
}

std::vector<std::uint32_t> reap_slots(Ring& ring) {
    std::vector<std::uint32_t> slots;
    ring.reap([&](const io_uring_cqe& cqe) { slots.push_back(UserData::unpack(cqe.user_data).slot); });
    return slots;
}

TEST(UserData, FieldsSurvivePacking) {
    const UserData data{0x7f, 0xabcdef, 0xfedcba98};
    const UserData back = UserData::unpack(data.pack());
    EXPECT_EQ(back.op, data.op);
    EXPECT_EQ(back.slot, data.slot);
    EXPECT_EQ(back.generation, data.generation);
}

TEST(Ring, RequestsCompleteInOneEnter) {
    auto ring = small_ring();
    for (std::uint32_t i = 0; i < 5; ++i)
        nop(*ring, i);
    EXPECT_EQ(ring->enter(-1), 0);
    EXPECT_EQ(reap_slots(*ring), (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(ring->counters().enters, 1u);
    EXPECT_EQ(ring->counters().submitted, 5u);
    EXPECT_EQ(ring->counters().completions, 5u);
    EXPECT_FALSE(ring->has_completions());
}

TEST(Ring, EnterWithoutWaitingReturnsWithNothing) {
    auto ring = small_ring();
    EXPECT_EQ(ring->enter(0), 0);
    EXPECT_EQ(reap_slots(*ring).size(), 0u);
}

TEST(Ring, TimeoutIsNoError) {
    auto ring = small_ring();
    EXPECT_EQ(ring->enter(kNsPerMs), 0);
    EXPECT_EQ(ring->enter(kNsPerMs, 8, 100), 0);
    EXPECT_EQ(reap_slots(*ring).size(), 0u);
}

TEST(Ring, MinimumWaitReturnsWithWhatThereIs) {
    auto ring = small_ring();
    nop(*ring, 7);
    EXPECT_EQ(ring->enter(-1, 8, 50), 0);  // eight never come: would hang if it waited for them
    EXPECT_EQ(reap_slots(*ring), std::vector<std::uint32_t>{7});
}

TEST(Ring, FullSubmissionQueueSubmitsFirst) {
    auto ring = small_ring(8, 64);
    for (std::uint32_t i = 0; i < 20; ++i)
        nop(*ring, i);
    EXPECT_GT(ring->counters().queue_full, 0u);
    EXPECT_EQ(ring->enter(-1), 0);
    const auto slots = reap_slots(*ring);
    ASSERT_EQ(slots.size(), 20u);
    for (std::uint32_t i = 0; i < 20; ++i)
        EXPECT_EQ(slots[i], i);
}

TEST(Ring, ReservedRequestsStayInOneSubmission) {
    auto ring = small_ring(8, 64);
    for (std::uint32_t i = 0; i < 6; ++i)
        nop(*ring, i);
    ring->reserve(4);
    EXPECT_EQ(ring->counters().queue_full, 1u);
    EXPECT_EQ(ring->counters().submitted, 6u);
    for (std::uint32_t i = 6; i < 10; ++i)
        nop(*ring, i);
    EXPECT_EQ(ring->counters().submitted, 6u);
    EXPECT_EQ(ring->enter(-1), 0);
    EXPECT_EQ(reap_slots(*ring).size(), 10u);
}

// Each completion makes two requests until a thousand were made: the submission queue fills up in the middle
// of reap().
TEST(Ring, RequestsMadeWhileReapingOverflowNeitherQueue) {
    auto ring = small_ring(4, 8);
    std::vector<int> seen(1000);
    std::uint32_t made = 1;
    std::uint32_t done = 0;
    nop(*ring, 0);
    while (done < seen.size()) {
        ASSERT_EQ(ring->enter(-1), 0);
        ring->reap([&](const io_uring_cqe& cqe) {
            ++seen[UserData::unpack(cqe.user_data).slot];
            ++done;
            for (int i = 0; i < 2 && made < seen.size(); ++i)
                nop(*ring, made++);
        });
    }
    for (const int count : seen)
        EXPECT_EQ(count, 1);
    EXPECT_GT(ring->counters().queue_full, 0u);
}

TEST(Ring, OverflowedCompletionsAreDeliveredAndCounted) {
    auto ring = small_ring(8, 8);
    std::uint32_t made = 0;
    while (made < 100)
        nop(*ring, made++);  // never reaped: more than the completion queue holds
    std::vector<std::uint32_t> slots;
    while (slots.size() < 100) {
        ASSERT_EQ(ring->enter(-1), 0);
        for (const std::uint32_t slot : reap_slots(*ring))
            slots.push_back(slot);
    }
    for (std::uint32_t i = 0; i < 100; ++i)
        EXPECT_EQ(slots[i], i);
    EXPECT_GT(ring->counters().overflows, 0u);
}

struct Recorder final : CompletionHandler {
    std::vector<std::uint64_t> payloads;
    std::vector<std::int32_t> results;
    void on_completion(std::uint64_t payload, std::int32_t result, std::uint32_t) override {
        payloads.push_back(payload);
        results.push_back(result);
    }
};

TEST(Ring, HandlersGetTheirOwnCompletions) {
    auto ring = small_ring();
    Recorder first;
    Recorder second;
    const std::uint64_t tags[] = {ring->add_handler(first), ring->add_handler(second)};
    constexpr std::uint64_t payload = 0x00123456789abcde;
    for (const std::uint64_t tag : tags) {
        io_uring_sqe* sqe = ring->request();
        io_uring_prep_nop(sqe);
        sqe->user_data = tag | payload;
    }
    nop(*ring, 3);
    ASSERT_EQ(ring->enter(-1), 0);
    EXPECT_EQ(reap_slots(*ring), std::vector<std::uint32_t>{3});
    EXPECT_EQ(first.payloads, std::vector<std::uint64_t>{payload});
    EXPECT_EQ(second.payloads, std::vector<std::uint64_t>{payload});
}

TEST(Ring, RemovedHandlerIsNotCalled) {
    auto ring = small_ring();
    Recorder handler;
    const std::uint64_t tag = ring->add_handler(handler);
    io_uring_sqe* sqe = ring->request();
    io_uring_prep_nop(sqe);
    sqe->user_data = tag;
    ring->remove_handler(tag);
    ASSERT_EQ(ring->enter(-1), 0);
    EXPECT_EQ(ring->reap([](const io_uring_cqe&) { FAIL(); }), 1u);
    EXPECT_TRUE(handler.payloads.empty());
}

// The places for handlers are sixteen, and whoever fails to open a spool takes one each time.
TEST(Ring, HandlersThatAreDoneMakeRoomForOthers) {
    auto ring = small_ring();
    for (int i = 0; i < 100; ++i) {
        Recorder handler;
        const std::uint64_t tag = ring->add_handler(handler);
        io_uring_sqe* sqe = ring->request();
        io_uring_prep_nop(sqe);
        sqe->user_data = tag | 7;
        ASSERT_EQ(ring->enter(-1), 0);
        ring->reap([](const io_uring_cqe&) { FAIL(); });
        ASSERT_EQ(handler.payloads, std::vector<std::uint64_t>{7});
        ring->remove_idle_handler(tag);
    }
}

TEST(Ring, WhatARemovedHandlerAskedForReachesNoOther) {
    auto ring = small_ring();
    Recorder removed;
    Recorder idle;
    const std::uint64_t tag = ring->add_handler(removed);
    ring->remove_idle_handler(ring->add_handler(idle));
    io_uring_sqe* sqe = ring->request();
    io_uring_prep_nop(sqe);
    sqe->user_data = tag;
    ring->remove_handler(tag);
    Recorder others[15];
    for (Recorder& other : others)
        EXPECT_NE(ring->add_handler(other), tag);
    ASSERT_EQ(ring->enter(-1), 0);
    EXPECT_EQ(ring->reap([](const io_uring_cqe&) { FAIL(); }), 1u);
    for (const Recorder& other : others)
        EXPECT_TRUE(other.payloads.empty());
    EXPECT_TRUE(removed.payloads.empty());
}

TEST(Ring, CompletionFromAnotherThreadEndsTheWait) {
    auto ring = small_ring();
    const int event = eventfd(0, EFD_CLOEXEC);
    std::uint64_t value = 0;
    io_uring_sqe* sqe = ring->request();
    io_uring_prep_read(sqe, event, &value, sizeof value, 0);
    sqe->user_data = UserData{kOpRead, 1, 2}.pack();
    std::thread waker([event] { eventfd_write(event, 5); });
    std::int32_t result = 0;
    while (result == 0) {
        ASSERT_EQ(ring->enter(-1), 0);
        ring->reap([&](const io_uring_cqe& cqe) { result = cqe.res; });
    }
    EXPECT_EQ(result, 8);
    EXPECT_EQ(value, 5u);
    waker.join();
    close(event);
}

TEST(Ring, TableOfDirectDescriptorsIsSparse) {
    RingOptions options;
    options.submission_entries = 8;
    options.files_max = 16;
    auto ring = Ring::create(options);
    ASSERT_TRUE(ring.ok());
    io_uring_sqe* sqe = (*ring)->request();
    io_uring_prep_socket_direct_alloc(sqe, AF_INET, SOCK_STREAM, 0, 0);
    std::int32_t index = -1;
    ASSERT_EQ((*ring)->enter(-1), 0);
    (*ring)->reap([&](const io_uring_cqe& cqe) { index = cqe.res; });
    EXPECT_GE(index, 0);
    EXPECT_LT(index, 16);
}

TEST(Ring, TooManyDirectDescriptorsNameTheLimit) {
    RingOptions options;
    options.submission_entries = 8;
    options.files_max = 1u << 30;
    auto ring = Ring::create(options);
    ASSERT_FALSE(ring.ok());
    EXPECT_FALSE(ring.error().message.empty());
}

TEST(Ring, RestrictedOneRefusesWhatAServerNeverAsksFor) {
    RingOptions options;
    options.submission_entries = 8;
    options.files_max = 16;
    options.restricted = true;
    auto ring = Ring::create(options);
    ASSERT_TRUE(ring.ok()) << ring.error().message;
    const auto result_of = [&](auto prepare) {
        prepare((*ring)->request());
        std::int32_t result = 1;
        EXPECT_EQ((*ring)->enter(-1), 0);
        (*ring)->reap([&](const io_uring_cqe& cqe) { result = cqe.res; });
        return result;
    };
    EXPECT_EQ(result_of([](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); }), 0);
    EXPECT_EQ(result_of([](io_uring_sqe* sqe) { io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0); }),
              -EACCES);
    EXPECT_EQ(result_of([](io_uring_sqe* sqe) { io_uring_prep_connect(sqe, 0, nullptr, 0); }), -EACCES);
    EXPECT_EQ(io_uring_register_iowq_aff((*ring)->raw(), 0, nullptr), -EACCES);
}

TEST(RingDeathTest, HandlerThatIsNotDoneMayNotMakeRoom) {
    auto ring = small_ring();
    Recorder handler;
    const std::uint64_t tag = ring->add_handler(handler);
    io_uring_sqe* sqe = ring->request();
    io_uring_prep_nop(sqe);
    sqe->user_data = tag;
    ring->remove_idle_handler(tag);
    ASSERT_EQ(ring->enter(-1), 0);
    EXPECT_DEATH(ring->reap([](const io_uring_cqe&) {}), "invariant");
}

TEST(RingDeathTest, OtherThreadMayNotEnter) {
    auto ring = small_ring();
    EXPECT_DEATH(std::thread([&] { (void)ring->enter(0); }).join(), "invariant");
}

}  // namespace
}  // namespace ringmx::ring
