// The fallback: a target of the test's in front of a real spool, on one ring.
#include "storage/delivery/fallback.hpp"

#include <set>

#include "fixtures.hpp"

namespace ringmx::storage::delivery {
namespace {

using test::FakeTarget;
using test::TempDir;
using test::TestMail;

TEST(Breaker, OpensAfterFailuresInARowAndProbes) {
    Breaker breaker({kNsPerSecond, 4 * kNsPerSecond});
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(breaker.allows(0));
        breaker.failed(0, 0);
        EXPECT_TRUE(breaker.allows(0));
        breaker.succeeded();
    }
    for (std::uint32_t i = 0; i < Breaker::kFailures; ++i) {
        EXPECT_TRUE(breaker.allows(0));
        breaker.failed(0, 0);
    }
    EXPECT_FALSE(breaker.closed());
    EXPECT_FALSE(breaker.allows(kNsPerSecond / 2));
    EXPECT_TRUE(breaker.allows(2 * kNsPerSecond)) << "a probe";
    EXPECT_FALSE(breaker.allows(2 * kNsPerSecond)) << "one at a time";
    breaker.failed(2 * kNsPerSecond, 0);
    EXPECT_FALSE(breaker.allows(3 * kNsPerSecond)) << "now the pause is twice as long";
    EXPECT_TRUE(breaker.allows(5 * kNsPerSecond));
    breaker.abandoned();
    EXPECT_TRUE(breaker.allows(5 * kNsPerSecond));
    breaker.succeeded();
    EXPECT_TRUE(breaker.closed());
    EXPECT_TRUE(breaker.allows(5 * kNsPerSecond));
    EXPECT_TRUE(breaker.allows(5 * kNsPerSecond));
}

class Fallbacks : public testing::Test, public StoreSink {
 protected:
    void open(FallbackOptions options) {
        auto opened = spool::Spool::open(test::spool_options(directory.path() + "/spool"));
        ASSERT_TRUE(opened.ok());
        spool_ = std::move(*opened);
        auto made = FallbackBackend::open(
            options, *ring, *this,
            [this](std::function<void()> wake) -> Result<std::unique_ptr<Target>> {
                auto fake = std::make_unique<FakeTarget>();
                fake->wake = std::move(wake);
                target = fake.get();
                return std::unique_ptr<Target>(std::move(fake));
            },
            [this](StoreSink& sink) { return spool::make_spool_backend(*spool_, 0, *ring, sink); }, late,
            nullptr, counters);
        ASSERT_TRUE(made.ok()) << made.error().message;
        backend = std::move(*made);
    }
    void SetUp() override {
        open({.after_ns = 3600 * kNsPerSecond,
              .window_bytes = 100'000,
              .probe = {kNsPerSecond / 100, kNsPerSecond / 10}});
    }
    void TearDown() override {
        for (int i = 0; i < 1000 && backend->outstanding() > 0; ++i) {
            if (!target->under_way.empty()) target->answer(target->under_way.front().id, StoreStatus::stored);
            turn();
        }
        EXPECT_EQ(backend->outstanding(), 0u);
        backend->close();
    }

    TestMail& submit(std::size_t body_bytes = 100) {
        TestMail& mail = mails.emplace_back(ids.next(read_clock().wall_us),
                                            std::vector<std::string>{"a@example.com"}, body_bytes);
        const StoreRequest request{StoreOp::commit, &mail.message, nullptr};
        backend->submit({&request, 1});
        turn();
        return mail;
    }
    void turn() {
        backend->flush();
        ASSERT_EQ(ring->enter(kNsPerMs), 0);
        ring->reap([](const io_uring_cqe&) {});
        backend->tick(read_clock());
    }
    StoreStatus answer_to(const TestMail& mail) {
        for (int i = 0; i < 10'000 && !answers.contains(mail.id); ++i)
            turn();
        EXPECT_TRUE(answers.contains(mail.id)) << "no answer";
        return answers[mail.id];
    }
    std::set<MessageId> spooled() {
        std::set<MessageId> found;
        auto reader = spool::SpoolReader::open(directory.path() + "/spool");
        while (reader.ok()) {
            auto next = (*reader)->next();
            if (!next.ok() || !*next) break;
            found.insert((*next)->id);
        }
        return found;
    }

    void part_done(Message*, Chunk*, StoreStatus) override { ADD_FAILURE(); }
    void message_done(Message* message, StoreStatus status, std::string_view text) override {
        EXPECT_FALSE(answers.contains(message->id)) << "answered twice";
        answers[message->id] = status;
        texts[message->id] = std::string(text);
    }

    TempDir directory;
    std::unique_ptr<ring::Ring> ring = test::make_ring();
    std::unique_ptr<spool::Spool> spool_;
    FakeTarget* target = nullptr;
    LateAnswers late;
    FallbackCounters counters;
    std::unique_ptr<FallbackBackend> backend;
    MessageIdGenerator ids;
    std::deque<TestMail> mails;
    std::map<MessageId, StoreStatus> answers;
    std::map<MessageId, std::string> texts;
};

TEST_F(Fallbacks, WhatTheTargetKeepsNeverSeesTheSpool) {
    TestMail& mail = submit(70'000);
    ASSERT_EQ(target->under_way.size(), 1u);
    EXPECT_TRUE(answers.empty());
    EXPECT_EQ(target->under_way[0].envelope, mail.envelope);
    EXPECT_TRUE(target->under_way[0].content == mail.content);
    target->answer(mail.id, StoreStatus::stored);
    EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    EXPECT_EQ(mail.message.stored_by, "fake");
    EXPECT_EQ(mail.message.stored_durability, "replicated");
    EXPECT_TRUE(spooled().empty());
    EXPECT_EQ(backend->traits().durability, Durability::machine) << "the lesser of the two";
}

TEST_F(Fallbacks, ARefusalIsARefusal) {
    TestMail& mail = submit();
    target->answer(mail.id, StoreStatus::reject, "we do not like it");
    EXPECT_EQ(answer_to(mail), StoreStatus::reject);
    EXPECT_EQ(texts[mail.id], "we do not like it");
    EXPECT_TRUE(spooled().empty());
}

TEST_F(Fallbacks, RetrySpillsAndTheSpoolAnswers) {
    TestMail& mail = submit();
    target->answer(mail.id, StoreStatus::retry);
    EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    EXPECT_EQ(mail.message.stored_by, "spool");
    EXPECT_EQ(mail.message.stored_durability, "machine");
    EXPECT_EQ(spooled(), std::set<MessageId>{mail.id});
    EXPECT_EQ(counters.spilled, 1u);
}

TEST_F(Fallbacks, WhileTheTargetIsAwayNothingIsTriedButAProbeNowAndThen) {
    for (std::uint32_t i = 0; i < Breaker::kFailures; ++i) {
        TestMail& mail = submit();
        target->answer(mail.id, StoreStatus::retry);
        EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    }
    EXPECT_TRUE(counters.away);
    // Whichever message the probe is, it is answered by the target and closes the breaker.
    bool probed = false;
    for (int i = 0; i < 10'000 && !probed; ++i) {
        TestMail& mail = submit();
        probed = !target->under_way.empty();
        if (probed) target->answer(mail.id, StoreStatus::stored);
        EXPECT_EQ(answer_to(mail), StoreStatus::stored);
        EXPECT_EQ(mail.message.stored_by, probed ? "fake" : "spool");
    }
    EXPECT_TRUE(probed);
    TestMail& mail = submit();
    ASSERT_EQ(target->under_way.size(), 1u);
    target->answer(mail.id, StoreStatus::stored);
    EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    EXPECT_FALSE(counters.away);
}

TEST_F(Fallbacks, WhatDoesNotFitIntoTheWindowGoesToTheSpoolAtOnce) {
    TestMail& first = submit(60'000);
    TestMail& second = submit(60'000);
    EXPECT_EQ(target->under_way.size(), 1u);
    EXPECT_EQ(answer_to(second), StoreStatus::stored);
    EXPECT_EQ(second.message.stored_by, "spool");
    EXPECT_FALSE(answers.contains(first.id));
    EXPECT_EQ(counters.passed_by, 1u);
    target->answer(first.id, StoreStatus::stored);
    EXPECT_EQ(answer_to(first), StoreStatus::stored);
    TestMail& third = submit(60'000);
    ASSERT_EQ(target->under_way.size(), 1u) << "there is room again";
    target->answer(third.id, StoreStatus::stored);
}

TEST_F(Fallbacks, AFullTargetIsPassedBy) {
    target->room = 0;
    TestMail& mail = submit();
    EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    EXPECT_EQ(mail.message.stored_by, "spool");
}

class SlowTargets : public Fallbacks {
 protected:
    void SetUp() override {
        open({.after_ns = kNsPerSecond / 50,
              .window_bytes = 100'000,
              .probe = {kNsPerSecond / 100, kNsPerSecond}});
    }
};

TEST_F(SlowTargets, AMessageIsSpilledWhenItsTimeIsUpAndTheLateAnswerIsNoted) {
    TestMail& mail = submit();
    ASSERT_EQ(target->under_way.size(), 1u);
    EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    EXPECT_EQ(mail.message.stored_by, "spool");
    EXPECT_EQ(counters.slow, 1u);
    EXPECT_FALSE(late.has(mail.id));
    // The message is its core's again; the target still reads its copy.
    const std::string content = mail.content;
    for (auto& chunk : mail.chunks)
        std::memset(chunk->memory, 0, chunk->capacity);
    EXPECT_EQ(target->under_way[0].content, content);
    target->answer(mail.id, StoreStatus::stored);
    turn();
    EXPECT_TRUE(late.has(mail.id));
}

TEST_F(SlowTargets, ALateRefusalIsForgotten) {
    TestMail& mail = submit();
    EXPECT_EQ(answer_to(mail), StoreStatus::stored);
    target->answer(mail.id, StoreStatus::reject);
    turn();
    EXPECT_FALSE(late.has(mail.id));
    EXPECT_EQ(spooled(), std::set<MessageId>{mail.id});
}

}  // namespace
}  // namespace ringmx::storage::delivery
