// Message ids: text, order in time, and clocks that stand or step back.
#include "base/message_id.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx {
namespace {

constexpr std::string_view kText = "01890a5d-ac96-774b-bcce-b302099a8057";

std::string text_of(const MessageId& id) {
    const MessageId::Text text = id.text();
    return std::string(as_text(text));
}

TEST(MessageId, TextIsReadBackInEitherCase) {
    const auto id = MessageId::parse(kText);
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(text_of(*id), kText);
    EXPECT_EQ(id->bytes[0], 0x01);
    EXPECT_EQ(id->bytes[15], 0x57);
    EXPECT_EQ(MessageId::parse("01890A5D-AC96-774B-BCCE-B302099A8057"), id);
}

TEST(MessageId, AnythingElseIsNotAnId) {
    const std::string good(kText);
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char wrong : {'g', '-', ' ', '\0', '/', ':', '@', '`', '\xff'}) {
            std::string text = good;
            if (text[at] == wrong) continue;
            text[at] = wrong;
            EXPECT_FALSE(MessageId::parse(text).has_value()) << text;
        }
    }
    EXPECT_FALSE(MessageId::parse("").has_value());
    EXPECT_FALSE(MessageId::parse(good + "0").has_value());
    EXPECT_FALSE(MessageId::parse(good.substr(1)).has_value());
    EXPECT_FALSE(MessageId::parse("{" + good.substr(2) + "}").has_value());
}

TEST(MessageId, LayoutIsUuidVersion7) {
    MessageIdGenerator generator(42);
    for (int i = 0; i < 10'000; ++i) {
        const MessageId id = generator.next(1'700'000'000'123'456 + i * 100);
        EXPECT_EQ(id.bytes[6] >> 4, 7);
        EXPECT_EQ(id.bytes[8] >> 6, 2);
        EXPECT_EQ(id.unix_ms(), (1'700'000'000'123'456 + i * 100) / 1000);
    }
}

TEST(MessageId, LaterIdsAreGreaterAsBytesAndAsText) {
    MessageIdGenerator generator(1);
    MessageId last = generator.next(1'000'000);
    for (std::int64_t us = 1'000'000; us < 60'000'000'000; us += us / 7) {
        const MessageId id = generator.next(us);
        EXPECT_GT(id, last);
        EXPECT_GT(text_of(id), text_of(last));
        last = id;
    }
}

TEST(MessageId, IdsRiseWhileTheClockStands) {
    MessageIdGenerator generator(1);
    MessageId last = generator.next(5'000'000);
    for (int i = 0; i < 20'000; ++i) {  // several times the 4096 of one millisecond
        const MessageId id = generator.next(5'000'000);
        ASSERT_GT(id, last);
        last = id;
    }
    EXPECT_EQ(last.unix_ms(), 5'000 + 20'000 / 4096) << "later milliseconds are borrowed";
}

TEST(MessageId, IdsRiseWhenTheClockStepsBack) {
    MessageIdGenerator generator(1);
    MessageId last = generator.next(1'700'000'000'000'000);
    for (const std::int64_t us : {1'600'000'000'000'000, 0L, -5'000'000L, 1'699'999'999'999'999}) {
        for (int i = 0; i < 5'000; ++i) {
            const MessageId id = generator.next(us);
            ASSERT_GT(id, last);
            last = id;
        }
    }
    const MessageId caught_up = generator.next(1'700'000'100'000'000);
    EXPECT_GT(caught_up, last);
    EXPECT_EQ(caught_up.unix_ms(), 1'700'000'100'000) << "the clock leads again once it has caught up";
}

TEST(MessageId, ClockBefore1970GivesRisingIdsToo) {
    MessageIdGenerator generator(1);
    const MessageId first = generator.next(-1);
    EXPECT_EQ(first.unix_ms(), 0);
    EXPECT_GT(generator.next(-1), first);
}

TEST(MessageId, SeedReproducesTheIds) {
    MessageIdGenerator a(7);
    MessageIdGenerator b(7);
    MessageIdGenerator c(8);
    for (int i = 0; i < 100; ++i) {
        const MessageId id = a.next(i * 1000);
        EXPECT_EQ(id, b.next(i * 1000));
        EXPECT_NE(id, c.next(i * 1000));
    }
}

TEST(MessageId, SeedsThatDifferInOneBitGiveOtherIds) {
    const MessageId zero = MessageIdGenerator(0).next(1'000'000);
    for (int bit = 0; bit < 64; ++bit) {
        EXPECT_NE(MessageIdGenerator(std::uint64_t{1} << bit).next(1'000'000), zero) << bit;
    }
}

TEST(MessageId, GeneratorsOfSeveralCoresDoNotCollide) {
    std::set<MessageId> ids;
    for (int core = 0; core < 16; ++core) {
        MessageIdGenerator generator;
        for (int i = 0; i < 5'000; ++i) {
            EXPECT_TRUE(ids.insert(generator.next(1'000'000)).second);
        }
    }
}

}  // namespace
}  // namespace ringmx
