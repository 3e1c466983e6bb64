// The backend that keeps nothing, and the names of durability.
#include "storage/discard.hpp"

#include <gtest/gtest.h>

#include "fakes.hpp"

namespace ringmx::storage {
namespace {

TEST(Discard, AnswersEveryRequestOnceAndClaimsNoDurability) {
    RecordingSink sink;
    DiscardBackend backend(sink);
    EXPECT_EQ(backend.traits().durability, Durability::none);
    EXPECT_TRUE(backend.traits().streams);
    EXPECT_FALSE(backend.traits().blocking);
    TestMessage kept;
    kept.put("hello\r\n");
    TestMessage dropped;
    Chunk* chunk = dropped.detach();
    const StoreRequest requests[] = {{StoreOp::part, &dropped.message, chunk},
                                     {StoreOp::commit, &kept.message, nullptr},
                                     {StoreOp::abort, &dropped.message, nullptr}};
    backend.submit(requests);
    ASSERT_EQ(sink.parts.size(), 1u);
    EXPECT_EQ(sink.parts[0].chunk, chunk);
    ASSERT_EQ(sink.done.size(), 2u);
    EXPECT_EQ(sink.done[0].status, StoreStatus::stored);
    EXPECT_EQ(sink.done[1].status, StoreStatus::aborted);
    EXPECT_EQ(backend.counters().messages_stored, 1u);
    EXPECT_EQ(backend.counters().bytes_stored, kept.message.total_bytes());
    EXPECT_EQ(backend.outstanding(), 0u);
}

TEST(Durability, HasTheNamesOfTheConfiguration) {
    EXPECT_EQ(to_string(Durability::none), "none");
    EXPECT_EQ(to_string(Durability::process), "process");
    EXPECT_EQ(to_string(Durability::machine), "machine");
    EXPECT_EQ(to_string(Durability::replicated), "replicated");
    EXPECT_LT(Durability::none, Durability::process);
    EXPECT_LT(Durability::process, Durability::machine);
    EXPECT_LT(Durability::machine, Durability::replicated);
}

}  // namespace
}  // namespace ringmx::storage
