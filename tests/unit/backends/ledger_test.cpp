#include "lmtp/ledger.hpp"

#include <gtest/gtest.h>

namespace ringmx::lmtp {
namespace {

Id id_of(std::uint8_t number) {
    Id id{};
    id[0] = number;
    return id;
}

TEST(Ledger, RecallsWhatWasRememberedLastUntilItIsForgotten) {
    Ledger ledger(10);
    EXPECT_TRUE(ledger.recall(id_of(1)).empty());
    ledger.remember(id_of(1), {{"a@x", Outcome::delivered, ""}});
    ledger.remember(id_of(1), {{"a@x", Outcome::delivered, ""}, {"b@x", Outcome::refused, "550 no"}});
    const auto settled = ledger.recall(id_of(1));
    ASSERT_EQ(settled.size(), 2u);
    EXPECT_EQ(settled[1].forward_path, "b@x");
    EXPECT_EQ(settled[1].outcome, Outcome::refused);
    EXPECT_EQ(settled[1].text, "550 no");
    EXPECT_EQ(ledger.messages(), 1u);
    ledger.forget(id_of(1));
    EXPECT_TRUE(ledger.recall(id_of(1)).empty());
}

TEST(Ledger, ForgetsTheOldestWhenItIsFull) {
    Ledger ledger(3);
    for (std::uint8_t number = 1; number <= 3; ++number)
        EXPECT_EQ(ledger.remember(id_of(number), {{"a@x", Outcome::delivered, ""}}), 0u);
    EXPECT_EQ(ledger.remember(id_of(1), {{"a@x", Outcome::delivered, ""}}), 0u);  // now the youngest
    EXPECT_EQ(ledger.remember(id_of(4), {{"a@x", Outcome::delivered, ""}}), 1u);
    EXPECT_TRUE(ledger.recall(id_of(2)).empty());
    EXPECT_FALSE(ledger.recall(id_of(1)).empty());
}

TEST(Ledger, IsBoundedInOctets) {
    Ledger ledger(1'000'000);
    const std::string text(1 << 20, 'x');
    for (std::uint8_t number = 0; number < 100; ++number)
        ledger.remember(id_of(number), {{"a@x", Outcome::refused, text}});
    EXPECT_LT(ledger.messages(), 64u);
    EXPECT_GT(ledger.messages(), 60u);
    EXPECT_FALSE(ledger.recall(id_of(99)).empty());
    const std::string huge(Ledger::octets_max, 'x');
    ledger.remember(id_of(200), {{"a@x", Outcome::refused, huge}});
    EXPECT_EQ(ledger.messages(), 0u) << "larger than everything: not even itself";
    ledger.remember(id_of(201), {{"a@x", Outcome::refused, "550"}});
    EXPECT_EQ(ledger.messages(), 1u);
}

TEST(Ledger, IsSharedByAddress) {
    const auto one = Ledger::shared("a:24", 1000);
    EXPECT_EQ(one, Ledger::shared("a:24", 1000));
    EXPECT_NE(one, Ledger::shared("b:24", 1000));
}

TEST(Verdict, SaysInOneAnswerWhatBecameOfAll) {
    const RecipientResult stored{Outcome::delivered, false, "250 ok"};
    const RecipientResult refused{Outcome::refused, false, "550 first"};
    const RecipientResult other{Outcome::refused, false, "551 second"};
    const RecipientResult deferred{Outcome::deferred, false, "451 later"};
    const auto of = [](std::vector<RecipientResult> results) { return verdict(results); };
    EXPECT_EQ(of({stored, stored}).status, RINGMX_STORED);
    EXPECT_EQ(of({refused, stored}).status, RINGMX_STORED);
    EXPECT_EQ(of({refused, other}).status, RINGMX_REJECT);
    EXPECT_EQ(of({refused, other}).text, "550 first");
    EXPECT_EQ(of({stored, refused, deferred}).status, RINGMX_RETRY);
    EXPECT_EQ(of({stored, refused, deferred}).text, "451 later");
    EXPECT_EQ(of({refused, deferred}).status, RINGMX_RETRY);
    EXPECT_EQ(of({stored, refused, deferred}).delivered, 1u);
    EXPECT_EQ(of({stored, refused, deferred}).refused, 1u);
    EXPECT_EQ(of({stored, refused, deferred}).deferred, 1u);
}

}  // namespace
}  // namespace ringmx::lmtp
