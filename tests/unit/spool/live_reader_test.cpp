// Readers of a spool whose server runs: what was acknowledged a moment ago is shown, whatever the server
// still has to do.
#include <algorithm>

#include <gtest/gtest.h>

#include "sim_spool.hpp"

namespace ringmx::storage::spool {
namespace {

using test::SimSpool;
using test::TestMessage;

// Until it is answered, and no further: footers, segments being prepared and other batches stay in flight.
void wait_for(SimSpool& world, const TestMessage& message) {
    while (!world.answers.contains(message.message.id)) {
        world.backend->flush();
        if (!world.shard->finish_one()) world.backend->tick(world.now);
    }
}

// The answer about a message in a new segment may be there before the footer of the segment in front of it,
// which waits until another segment is prepared. Readers that look once stopped there: `ringmxctl spool ls`
// listed 6 of 8 messages that had just been acknowledged.
TEST(SpoolLiveReader, ThatLooksOnceShowsWhateverWasAcknowledged) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        SimSpool world(seed);
        world.open();
        for (std::size_t i = 0; i < 8; ++i) {
            const TestMessage& message = world.submit(50'000 + (seed * 7 + i * 13) % 10 * 10'000);
            wait_for(world, message);
            ASSERT_EQ(world.answer(message), StoreStatus::stored);
            const auto reader = world.reader({.acknowledged = false, .once = true});
            const std::vector<MessageId> shown = world.read_all(*reader);
            ASSERT_EQ(shown.size(), world.messages.size()) << "seed " << seed;
            EXPECT_TRUE(reader->problems().empty());
        }
    }
}

// Whoever follows the log must not leave a segment in which an earlier message may still be stored.
TEST(SpoolLiveReader, ThatFollowsShowsEveryMessageInItsOrder) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        SimSpool world(seed);
        world.open();
        const auto reader = world.reader();
        std::vector<MessageId> shown;
        const auto look = [&] {
            const std::vector<MessageId> more = world.read_all(*reader);
            shown.insert(shown.end(), more.begin(), more.end());
        };
        for (std::size_t i = 0; i < 12; ++i) {
            world.submit(30'000 + (seed * 7 + i * 13) % 10 * 3'000);  // one frame each
            world.backend->flush();
            for (std::uint64_t step = 0; step < (seed + i) % 4; ++step) {
                world.shard->finish_one();
                look();
            }
        }
        world.settle();
        look();
        ASSERT_EQ(shown.size(), world.messages.size()) << "seed " << seed;
        for (std::size_t i = 0; i < shown.size(); ++i)
            EXPECT_EQ(shown[i], world.messages[i]->message.id) << "seed " << seed;
    }
}

}  // namespace
}  // namespace ringmx::storage::spool
