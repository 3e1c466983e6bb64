#include "server/unanswered.hpp"

#include <array>

#include <gtest/gtest.h>

namespace ringmx::server {
namespace {

class UnansweredTest : public ::testing::Test {
 protected:
    UnansweredTest() {
        for (std::size_t i = 0; i < sent.size(); ++i) {
            sent[i].submitted_ns = static_cast<std::int64_t>(100 * (i + 1));
            unanswered.add(sent[i]);
        }
    }
    std::array<Message, 3> sent;
    Unanswered unanswered;
};

TEST_F(UnansweredTest, TheOldestThatIsLeftCounts) {
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 900);
    unanswered.remove(sent[1]);
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 900);
    unanswered.remove(sent[0]);
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 700);
    unanswered.remove(sent[2]);
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 0);
}

TEST_F(UnansweredTest, AMessageMayComeAgainAndTheNewestMayLeaveFirst) {
    unanswered.remove(sent[2]);
    sent[0].submitted_ns = 500;
    unanswered.remove(sent[0]);
    unanswered.add(sent[0]);
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 800);
    unanswered.remove(sent[1]);
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 500);
}

TEST_F(UnansweredTest, OneThatWasNeverSentIsIgnored) {
    Message aborted;
    unanswered.remove(aborted);
    EXPECT_EQ(unanswered.oldest_age_ns(1000), 900);
}

}  // namespace
}  // namespace ringmx::server
