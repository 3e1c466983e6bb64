// The drain of a real spool to a target of the test's, turn by turn.
#include "storage/delivery/drain.hpp"

#include <cstdio>
#include <fstream>
#include <set>

#include "fixtures.hpp"
#include "storage/delivery/requeue.hpp"

namespace ringmx::storage::delivery {
namespace {

using test::FakeTarget;
using test::RecordingObserver;
using test::SpoolWriter;
using test::TempDir;
using test::TestMail;

constexpr std::int64_t kDay = 86400;

class Drains : public testing::Test {
 protected:
    void SetUp() override {
        options.spool_path = directory.path() + "/spool";
        options.dead = test::spool_options(dead_path(options.spool_path));
        options.scheduler = {.in_flight_max = 10,
                             .octets_max = 1u << 20,
                             .known_max = 1000,
                             .ready_max = 100,
                             .waiting_domains_max = 10,
                             .backoff = {kNsPerSecond, 8 * kNsPerSecond},
                             .hold_ns = 300 * kNsPerSecond};
        writer = std::make_unique<SpoolWriter>(options.spool_path);
    }
    void TearDown() override {
        if (drain != nullptr) drain->close(now);
    }

    void open() {
        auto opened = Drain::open(options, *target, &late, observer);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        drain = std::move(*opened);
    }
    // The process dies: nothing is ended in order.
    void crash() {
        drain.reset();
        target = std::make_unique<FakeTarget>();
    }
    void turns(int count = 3) {
        for (int i = 0; i < count; ++i) {
            drain->turn(now);
            pass(kNsPerSecond / 4);
        }
    }
    void pass(std::int64_t ns) {
        now.mono_ns += ns;
        now.wall_us += ns / kNsPerUs;
    }
    std::vector<spool::StoredMessage> messages_in(const std::string& path) {
        std::vector<spool::StoredMessage> found;
        auto reader = spool::SpoolReader::open(path);
        EXPECT_TRUE(reader.ok()) << path;
        while (reader.ok()) {
            auto next = (*reader)->next();
            EXPECT_TRUE(next.ok());
            if (!next.ok() || !*next) break;
            found.push_back(**next);
        }
        return found;
    }
    std::vector<spool::StoredMessage> letters() { return messages_in(options.dead.path); }
    std::vector<spool::StoredMessage> backlog() { return messages_in(options.spool_path); }
    std::string content_of(const spool::StoredMessage& letter) {
        std::string content;
        auto reader = spool::SpoolReader::open(options.dead.path);
        EXPECT_TRUE((*reader)
                        ->read(letter, spool::Section::content,
                               [&](Bytes piece) {
                                   content += as_text(piece);
                                   return true;
                               })
                        .ok());
        return content;
    }
    static std::string reason_of(const spool::StoredMessage& letter) {
        const auto reason = find_envelope_field(letter.envelope, EnvelopeField::dead_reason);
        return reason ? std::string(as_text(*reason)) : "(none)";
    }

    TempDir directory;
    DrainOptions options;
    std::unique_ptr<SpoolWriter> writer;
    std::unique_ptr<FakeTarget> target = std::make_unique<FakeTarget>();
    RecordingObserver observer;
    LateAnswers late;
    std::unique_ptr<Drain> drain;
    Now now = read_clock();
};

TEST_F(Drains, WhatIsStoredIsAcknowledgedAndArrivesAsItWasSent) {
    writer->store({"a@example.com"});
    writer->store({"b@example.net", "c@example.com"}, 300'000);
    target->at_once = [](const FakeTarget::Given&) { return StoreStatus::stored; };
    open();
    turns();
    ASSERT_EQ(target->seen.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(target->seen[i].id, writer->mails[i].id);
        EXPECT_EQ(target->seen[i].envelope, writer->mails[i].envelope);
        EXPECT_TRUE(target->seen[i].content == writer->mails[i].content);
    }
    EXPECT_TRUE(backlog().empty());
    const TestMail& later = writer->store({"a@example.com"});
    turns();
    ASSERT_EQ(target->seen.size(), 3u);
    EXPECT_EQ(target->seen[2].id, later.id);
    EXPECT_EQ(drain->counters().delivered, 3u);
    EXPECT_EQ(drain->counters().acknowledged, 3u);
}

TEST_F(Drains, AMessageThatIsAnsweredRetryWaitsAndHoldsBackItsDomain) {
    const MessageId first = writer->store({"a@example.com"}).id;
    open();
    turns(1);
    target->answer(first, StoreStatus::retry, "come back");
    turns(1);
    const MessageId second = writer->store({"b@EXAMPLE.com"}).id;
    const MessageId other = writer->store({"b@example.net"}).id;
    turns(1);
    ASSERT_EQ(target->under_way.size(), 1u);
    EXPECT_EQ(target->under_way[0].id, other);
    target->answer(other, StoreStatus::stored);
    pass(2 * kNsPerSecond);
    turns(1);
    ASSERT_EQ(target->under_way.size(), 1u);
    EXPECT_EQ(target->under_way[0].id, first);
    target->answer(first, StoreStatus::stored);
    turns(1);
    ASSERT_EQ(target->under_way.size(), 1u);
    EXPECT_EQ(target->under_way[0].id, second);
    EXPECT_EQ(drain->counters().retries, 1u);
    ASSERT_GE(observer.events.size(), 2u);
    EXPECT_EQ(observer.events[0].event, "delivery_waits");
    EXPECT_EQ(observer.events[0].text, "come back");
    EXPECT_EQ(observer.events[1].event, "delivery_goes_on");
}

TEST_F(Drains, WhatIsRefusedBecomesADeadLetterWithItsReason) {
    const TestMail& mail = writer->store({"a@example.com"}, 200'000);
    open();
    turns(1);
    target->answer(mail.id, StoreStatus::reject, "no such mailbox");
    turns();
    EXPECT_TRUE(backlog().empty());
    const auto dead = letters();
    ASSERT_EQ(dead.size(), 1u);
    EXPECT_EQ(dead[0].id, mail.id);
    EXPECT_EQ(reason_of(dead[0]), "no such mailbox");
    const auto dead_us = find_envelope_field(dead[0].envelope, EnvelopeField::dead_us);
    ASSERT_TRUE(dead_us.has_value());
    EXPECT_NEAR(static_cast<double>(load_le<std::int64_t>(dead_us->data())), static_cast<double>(now.wall_us),
                60e6);
    EXPECT_EQ(as_text(without_death(dead[0].envelope)), mail.envelope);
    EXPECT_TRUE(content_of(dead[0]) == mail.content);
    EXPECT_EQ(drain->counters().dead, 1u);
    EXPECT_EQ(observer.events.back().event, "dead_letter");
}

TEST_F(Drains, AMessageThatIsTooOldBecomesADeadLetterAtItsNextRetry) {
    options.age_max_s = kDay;
    const MessageId id = writer->store({"a@example.com"}).id;
    open();
    turns(1);
    target->answer(id, StoreStatus::retry);
    turns(1);
    pass(kDay * kNsPerSecond);
    turns(1);
    target->answer(id, StoreStatus::retry, "mailbox full");
    turns();
    ASSERT_EQ(letters().size(), 1u);
    EXPECT_EQ(reason_of(letters()[0]), "not delivered within 86400 seconds; the last answer: mailbox full");
    EXPECT_TRUE(backlog().empty());
}

TEST_F(Drains, ADeadLetterIsDeliveredWhenItIsAskedForAgain) {
    const TestMail& mail = writer->store({"a@example.com"});
    open();
    turns(1);
    target->answer(mail.id, StoreStatus::reject);
    turns();
    const auto dead = letters();
    ASSERT_EQ(dead.size(), 1u);
    ASSERT_TRUE(request_requeue(options.dead.path, dead[0].cursor).ok());
    ASSERT_TRUE(request_requeue(options.dead.path, dead[0].cursor).ok()) << "twice is once";
    turns(6);
    ASSERT_EQ(target->under_way.size(), 1u);
    EXPECT_EQ(target->under_way[0].id, mail.id);
    EXPECT_EQ(target->under_way[0].envelope, mail.envelope) << "without what it says of its death";
    EXPECT_EQ(target->under_way[0].content, mail.content);
    crash();
    open();
    turns(6);
    ASSERT_EQ(target->under_way.size(), 1u) << "the request survives";
    target->answer(mail.id, StoreStatus::stored);
    turns();
    EXPECT_TRUE(letters().empty());
    EXPECT_TRUE(requeue_requests(options.dead.path)->empty());
}

TEST_F(Drains, ADeadLetterThatIsRefusedAgainIsThereOnceWithItsNewReason) {
    const MessageId id = writer->store({"a@example.com"}).id;
    open();
    turns(1);
    target->answer(id, StoreStatus::reject, "first reason");
    turns();
    ASSERT_TRUE(request_requeue(options.dead.path, letters().at(0).cursor).ok());
    turns(6);
    target->answer(id, StoreStatus::reject, "second reason");
    turns(6);
    const auto dead = letters();
    ASSERT_EQ(dead.size(), 1u);
    EXPECT_EQ(reason_of(dead[0]), "second reason");
    EXPECT_TRUE(requeue_requests(options.dead.path)->empty());
    EXPECT_TRUE(target->under_way.empty());
}

TEST_F(Drains, WhatCannotBecomeADeadLetterStaysInTheSpool) {
    const MessageId id = writer->store({"a@example.com"}).id;
    open();
    std::ofstream(options.dead.path) << "in the way";  // instead of a folder
    turns(1);
    target->answer(id, StoreStatus::reject, "no");
    turns(1);
    EXPECT_EQ(backlog().size(), 1u);
    EXPECT_EQ(drain->counters().dead, 0u);
    EXPECT_EQ(observer.events.at(0).event, "delivery_failed");
    ASSERT_EQ(std::remove(options.dead.path.c_str()), 0);
    pass(10 * kNsPerSecond);
    turns(1);
    target->answer(id, StoreStatus::reject, "no");
    turns();
    EXPECT_TRUE(backlog().empty());
    EXPECT_EQ(letters().size(), 1u);
}

TEST_F(Drains, ARequestForALetterThatIsGoneIsTakenBack) {
    open();
    ASSERT_TRUE(request_requeue(options.dead.path, {0, 7, 4096}).ok());
    const MessageId id = writer->store({"a@example.com"}).id;
    turns(1);
    target->answer(id, StoreStatus::reject);  // now there is a spool of dead letters
    turns(8);
    EXPECT_TRUE(requeue_requests(options.dead.path)->empty());
}

TEST_F(Drains, ACrashBeforeAcknowledgingMeansTheSameIdAgain) {
    const MessageId id = writer->store({"a@example.com"}).id;
    open();
    turns(1);
    target->answer(id, StoreStatus::stored);
    crash();
    open();
    turns(1);
    ASSERT_EQ(target->seen.size(), 1u);
    EXPECT_EQ(target->seen[0].id, id);
}

TEST_F(Drains, WhatTheTargetHasKeptAlreadyIsNotSentAgain) {
    const MessageId id = writer->store({"a@example.com"}).id;
    late.note(id);
    open();
    turns();
    EXPECT_TRUE(target->seen.empty());
    EXPECT_TRUE(backlog().empty());
}

TEST_F(Drains, ATargetWithoutRoomGetsTheRestLaterInOrder) {
    target->room = 2;
    for (int i = 0; i < 7; ++i)
        writer->store({"a@example.com"});
    open();
    turns(1);
    for (int i = 0; i < 7; ++i) {
        ASSERT_FALSE(target->under_way.empty());
        target->answer(target->under_way.front().id, StoreStatus::stored);
        turns(1);
    }
    turns();
    ASSERT_EQ(target->seen.size(), 7u);
    for (std::size_t i = 0; i < 7; ++i)
        EXPECT_EQ(target->seen[i].id, writer->mails[i].id);
    EXPECT_TRUE(backlog().empty());
}

TEST_F(Drains, AnotherConsumerIsToldAndNothingIsLost) {
    const MessageId id = writer->store({"a@example.com"}).id;
    auto other = spool::SpoolReader::open(options.spool_path);
    ASSERT_TRUE(other.ok());
    ASSERT_TRUE(*(*other)->claim());
    target->at_once = [](const FakeTarget::Given&) { return StoreStatus::stored; };
    open();
    turns();
    EXPECT_EQ(observer.events.at(0).event, "delivery_not_alone");
    EXPECT_EQ(backlog().size(), 1u);
    other->reset();
    turns(8);
    EXPECT_TRUE(backlog().empty());
    ASSERT_EQ(target->seen.size(), 1u) << "sent once";
    EXPECT_EQ(target->seen[0].id, id);
}

// Everything at random, with crashes: each message ends as stored or as a dead letter, none is lost, none is
// made up, and the window holds.
TEST_F(Drains, WhateverHappensEveryMessageEndsStoredOrDead) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937_64 random(seed);
        options.spool_path = directory.path() + "/random-" + std::to_string(seed);
        options.dead = test::spool_options(dead_path(options.spool_path));
        options.scheduler.in_flight_max = 1 + static_cast<std::uint32_t>(random() % 20);
        options.scheduler.octets_max = 150'000;
        options.scheduler.hold_ns = static_cast<std::int64_t>(random() % 20) * kNsPerSecond;
        writer = std::make_unique<SpoolWriter>(options.spool_path);
        std::set<MessageId> sent, stored;
        open();
        const std::size_t total = 60;
        for (int turn = 0; turn < 100'000; ++turn) {
            const std::uint64_t what = random() % 100;
            if (what < 20 && sent.size() < total) {
                std::vector<std::string> recipients;
                for (std::uint64_t i = 0; i <= random() % 3; ++i)
                    recipients.push_back("x@d" + std::to_string(random() % 5) + ".example");
                sent.insert(writer->store(recipients, random() % 10 == 0 ? 200'000 : random() % 3000).id);
            } else if (what < 60 && !target->under_way.empty()) {
                const MessageId id = target->under_way[random() % target->under_way.size()].id;
                const std::uint64_t how = random() % 10;
                if (how < 5) stored.insert(id);
                target->answer(id, how < 5   ? StoreStatus::stored
                                   : how < 6 ? StoreStatus::reject
                                             : StoreStatus::retry);
            } else if (what == 60) {
                ASSERT_LE(target->most_under_way, options.scheduler.in_flight_max);
                crash();
                open();
            } else {
                writer->turn();  // what it leaves is not read before it has written its segment's footer
                turns(1);
                ASSERT_TRUE(drain->counters().octets_in_flight <= 150'000 ||
                            drain->counters().in_flight == 1);
                if (sent.size() == total && target->under_way.empty() && backlog().empty()) break;
                if (what > 90) pass(10 * kNsPerSecond);
            }
        }
        EXPECT_TRUE(backlog().empty());
        std::set<MessageId> ended = stored;
        for (const auto& letter : letters())
            ended.insert(letter.id);
        std::string differences;
        for (const MessageId& id : sent) {
            if (!ended.contains(id)) differences += " lost " + std::string(as_text(id.text()));
        }
        for (const MessageId& id : ended) {
            if (!sent.contains(id)) differences += " made up " + std::string(as_text(id.text()));
        }
        EXPECT_EQ(differences, "") << sent.size() << " sent, " << stored.size() << " stored, "
                                   << letters().size() << " letters";
        drain->close(now);
        drain.reset();
        target = std::make_unique<FakeTarget>();
    }
}

}  // namespace
}  // namespace ringmx::storage::delivery
