// What a host sees of a session and a dialogue cannot show: what it waits for, stages, ends while a decision
// or room is outstanding, and that drained data asks for no room. Dialogues are in tests/golden.
#include "smtp/session.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::smtp {

namespace {

class Host final : public Handler {
 public:
    MutableBytes reply_room(std::size_t octets) override {
        if (!reply_room_open) return {};
        buffer_.assign(octets, '\0');
        return {reinterpret_cast<std::byte*>(buffer_.data()), buffer_.size()};
    }
    void reply_written(std::size_t octets) override { replies.append(buffer_, 0, octets); }
    MutableBytes body_room() override {
        ++body_rooms;
        if (!body_room_open) return {};
        return {reinterpret_cast<std::byte*>(body_), sizeof body_};
    }
    std::uint32_t body_crc() override { return 0; }
    void body_written(std::size_t octets, std::uint32_t) override { stored.append(body_, octets); }

    Decision on_connect() override { return answer("connect"); }
    Decision on_hello(const Hello&) override { return answer("hello"); }
    Decision on_mail(const MailCommand&) override { return answer("mail"); }
    Decision on_rcpt(const RcptCommand&) override { return answer("rcpt"); }
    Decision on_data(DataKind kind) override {
        expected_at_data = session->body_octets_expected();
        return answer(kind == DataKind::data ? "data" : "bdat");
    }
    Decision on_end_of_data(const DataFacts&) override { return answer("end"); }
    void on_abort() override { ++aborts; }
    void on_violation(std::string_view rule, const Reply&) override { violations.emplace_back(rule); }

    // The last reply, without CR LF.
    std::string last() const {
        const std::size_t begin = replies.size() < 3 ? 0 : replies.rfind('\n', replies.size() - 2) + 1;
        return replies.substr(begin, replies.size() - begin - 2);
    }

    Session* session = nullptr;
    std::string later;  // the decision point that answers later
    bool reply_room_open = true;
    bool body_room_open = true;
    int aborts = 0;
    int body_rooms = 0;
    int questions = 0;
    std::uint64_t expected_at_data = 0;
    std::string replies;
    std::string stored;
    std::vector<std::string> violations;

 private:
    Decision answer(std::string_view where) {
        ++questions;
        return where == later ? Decision::later() : Decision::accept();
    }
    std::string buffer_;
    char body_[64];
};

struct Talk {
    explicit Talk(BareNewline mode = BareNewline::normalize) : session(options, host, mode) {
        options.hostname = "mx.test";
        host.session = &session;
    }
    // Feeds everything; what is left over is returned.
    std::string say(std::string text) {
        const std::size_t consumed = session.feed(as_bytes(text));
        return text.substr(consumed);
    }
    void begin_transaction() {
        session.start();
        EXPECT_EQ(say("EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n"), "");
    }

    SessionOptions options;
    Host host;
    Session session;
};

const char* const kPoints[] = {"connect", "hello", "mail", "rcpt", "data", "bdat", "end"};

// Brings a session to the decision at `point`.
void reach(Talk& talk, const std::string& point) {
    talk.host.later = point;
    talk.session.start();
    if (point == "connect") return;
    const std::string script = "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n";
    talk.say(script + (point == "bdat" ? "BDAT 3 LAST\r\nabc" : "DATA\r\nx\r\n.\r\n"));
}

bool is_open_at(const std::string& point) {
    return point == "rcpt" || point == "data" || point == "bdat" || point == "end";
}

}  // namespace

TEST(SessionWaiting, InputBeforeTheBannerIsNotConsumed) {
    Talk talk;
    EXPECT_EQ(talk.say("QUIT\r\n"), "QUIT\r\n");
    talk.host.later = "connect";
    talk.session.start();
    EXPECT_EQ(talk.session.waiting(), Waiting::decision);
    EXPECT_EQ(talk.say("QUIT\r\n"), "QUIT\r\n");
    EXPECT_EQ(talk.host.replies, "");
    talk.session.on_decision(Decision::accept());
    EXPECT_EQ(talk.host.last(), "220 mx.test ESMTP ringmx");
    EXPECT_EQ(talk.say("QUIT\r\n"), "");
    EXPECT_TRUE(talk.session.quit());
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
}

TEST(SessionWaiting, EveryDecisionMayComeLater) {
    for (const std::string point : kPoints) {
        Talk talk;
        reach(talk, point);
        ASSERT_EQ(talk.session.waiting(), Waiting::decision) << point;
        const std::string before = talk.host.replies;
        EXPECT_EQ(talk.session.feed(as_bytes("NOOP\r\n")), 0u) << point;
        EXPECT_EQ(talk.host.replies, before) << point;
        talk.session.on_decision(Decision::accept());
        EXPECT_EQ(talk.session.waiting(), Waiting::input) << point;
        if (point == "bdat") talk.say("abc");
        EXPECT_GT(talk.host.replies.size(), before.size()) << point;
    }
}

TEST(SessionWaiting, AReplyWithoutRoomKeepsItsText) {
    Talk talk;
    reach(talk, "end");
    talk.host.reply_room_open = false;
    {
        const std::string text = "stored as 01890a5d-ac96-774b-bcce-b302099a8057";
        talk.session.on_decision(Decision::accept({250, {2, 0, 0}, text}));
    }
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    EXPECT_EQ(talk.session.feed(as_bytes("NOOP\r\n")), 0u);
    talk.session.resume();
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    talk.host.reply_room_open = true;
    talk.session.resume();
    EXPECT_EQ(talk.host.last(), "250 2.0.0 stored as 01890a5d-ac96-774b-bcce-b302099a8057");
    EXPECT_EQ(talk.session.waiting(), Waiting::input);
}

TEST(SessionWaiting, ALongTextWithoutRoomIsCut) {
    Talk talk;
    reach(talk, "rcpt");
    talk.host.reply_room_open = false;
    talk.session.on_decision(Decision::reject({550, {5, 7, 1}, std::string(300, 'x')}));
    talk.host.reply_room_open = true;
    talk.session.resume();
    EXPECT_EQ(talk.host.last(), "550 5.7.1 " + std::string(80, 'x'));
}

TEST(SessionWaiting, ClosesOnlyAfterTheLastReplyHasRoom) {
    Talk talk;
    talk.session.start();
    talk.host.reply_room_open = false;
    EXPECT_EQ(talk.say("QUIT\r\nNOOP\r\n"), "");
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    talk.host.reply_room_open = true;
    talk.session.resume();
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
    EXPECT_EQ(talk.host.last(), "221 2.0.0 mx.test Bye");
}

TEST(SessionWaiting, MailDataWaitsForRoom) {
    Talk talk;
    talk.begin_transaction();
    talk.say("DATA\r\n");
    talk.host.body_room_open = false;
    EXPECT_EQ(talk.say("x\r\n.\r\n"), "x\r\n.\r\n");
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    talk.host.body_room_open = true;
    talk.session.resume();
    EXPECT_EQ(talk.say("x\r\n.\r\n"), "");
    EXPECT_EQ(talk.host.last(), "250 2.0.0 Message accepted");
    EXPECT_EQ(talk.host.stored, "x\r\n");
}

TEST(SessionWaiting, TheLastCarriageReturnOfChunksWaitsForRoomWithoutInput) {
    Talk talk;
    talk.begin_transaction();
    talk.say("BDAT 2\r\na\r");
    talk.host.body_room_open = false;
    EXPECT_EQ(talk.say("BDAT 0 LAST\r\n"), "");
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    EXPECT_EQ(talk.session.stage(), Stage::end_of_data);
    talk.host.body_room_open = true;
    talk.session.resume();
    EXPECT_EQ(talk.host.stored, "a\r\n");
    EXPECT_EQ(talk.host.last(), "250 2.0.0 Message accepted");
}

TEST(SessionEnds, AnyEndWhileADecisionIsOutstandingAbortsOnce) {
    for (const std::string point : kPoints) {
        for (const int end : {0, 1, 2}) {
            Talk talk;
            reach(talk, point);
            const int questions = talk.host.questions;
            if (end == 0) talk.session.on_timeout();
            if (end == 1) talk.session.on_disconnect();
            if (end == 2) talk.session.shut_down();
            const bool waits = end == 2 && point == "end";
            EXPECT_EQ(talk.session.waiting(), waits ? Waiting::decision : Waiting::closed) << point << end;
            EXPECT_EQ(talk.host.aborts, is_open_at(point) && !waits ? 1 : 0) << point << end;
            talk.session.on_decision(Decision::accept());
            EXPECT_EQ(talk.session.waiting(), Waiting::closed) << point << end;
            EXPECT_EQ(talk.host.aborts, is_open_at(point) && !waits ? 1 : 0) << point << end;
            EXPECT_EQ(talk.host.questions, questions) << point << end;
            EXPECT_FALSE(talk.session.in_transaction());
        }
    }
}

TEST(SessionEnds, AfterTheEndNothingHappens) {
    Talk talk;
    talk.begin_transaction();
    talk.session.on_disconnect();
    const std::string replies = talk.host.replies;
    talk.session.on_disconnect();
    talk.session.on_timeout();
    talk.session.shut_down();
    talk.session.resume();
    EXPECT_EQ(talk.say("NOOP\r\n"), "");
    EXPECT_EQ(talk.host.replies, replies);
    EXPECT_EQ(talk.host.aborts, 1);
    EXPECT_FALSE(talk.session.quit());
}

constexpr Reply kNoMemory{421, {4, 3, 1}, "Out of memory"};

TEST(SessionGivesUp, TheTransactionIsVoidAndWhatFollowsIsIgnored) {
    for (const std::string begun : {"", "DATA\r\nhalf a li", "BDAT 10 LAST\r\nabc", "BDAT 3\r\nabc"}) {
        Talk talk;
        talk.begin_transaction();
        talk.say(begun);
        talk.session.give_up(kNoMemory);
        EXPECT_EQ(talk.host.aborts, 1) << begun;
        EXPECT_EQ(talk.host.last(), "421 4.3.1 mx.test Out of memory") << begun;
        EXPECT_EQ(talk.session.waiting(), Waiting::closed) << begun;
        EXPECT_EQ(talk.say("x\r\n.\r\nQUIT\r\n"), "") << begun;
        EXPECT_EQ(talk.host.last(), "421 4.3.1 mx.test Out of memory") << begun;
    }
}

TEST(SessionGivesUp, TheLastReplyWaitsForRoomBehindTheOneThatIsDue) {
    Talk talk;
    talk.session.start();
    talk.host.reply_room_open = false;
    talk.say("NOOP\r\n");
    talk.session.give_up(kNoMemory);
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    EXPECT_TRUE(talk.session.deaf());
    EXPECT_EQ(talk.say("NOOP\r\n"), "");
    talk.host.reply_room_open = true;
    talk.session.resume();
    EXPECT_NE(talk.host.replies.find("OK\r\n421 4.3.1 mx.test Out of memory\r\n"), std::string::npos);
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
}

TEST(SessionGivesUp, ACompleteMessageGetsItsVerdictFirst) {
    Talk talk;
    reach(talk, "end");
    talk.session.give_up(kNoMemory);
    EXPECT_EQ(talk.session.waiting(), Waiting::decision);
    EXPECT_TRUE(talk.session.awaits_verdict());
    EXPECT_EQ(talk.host.aborts, 0);
    EXPECT_EQ(talk.say("MAIL FROM:<a@b.test>\r\n"), "");
    talk.session.on_decision(Decision::accept());
    EXPECT_NE(talk.host.replies.find("Message accepted\r\n421 4.3.1 mx.test Out of memory\r\n"),
              std::string::npos);
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
    EXPECT_EQ(talk.host.aborts, 0);
}

TEST(SessionGivesUp, ASecondTimeoutEndsWhatNeverFoundRoom) {
    Talk talk;
    talk.session.start();
    talk.host.reply_room_open = false;
    talk.session.on_timeout();
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    talk.session.on_timeout();
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
}

TEST(SessionEnds, ATimeoutWithoutRoomClosesInSilence) {
    Talk talk;
    talk.session.start();
    const std::string replies = talk.host.replies;
    talk.host.reply_room_open = false;
    talk.say("NOOP\r\n");
    talk.session.on_timeout();
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
    EXPECT_EQ(talk.host.replies, replies);
}

TEST(SessionEnds, ShutDownBeforeTheStartCloses) {
    Talk talk;
    talk.session.shut_down();
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
    EXPECT_EQ(talk.host.replies, "");
}

TEST(SessionEnds, ShutDownWithAReplyWithoutRoomComesAfterIt) {
    Talk talk;
    talk.session.start();
    talk.host.reply_room_open = false;
    talk.say("NOOP\r\n");
    talk.session.shut_down();
    EXPECT_EQ(talk.session.waiting(), Waiting::room);
    talk.host.reply_room_open = true;
    talk.session.resume();
    EXPECT_NE(talk.host.replies.find("250 2.0.0 OK\r\n421 4.3.2 mx.test"), std::string::npos);
    EXPECT_EQ(talk.session.waiting(), Waiting::closed);
}

TEST(SessionData, OversizedBodyAsksForNoRoom) {
    Talk talk;
    talk.options.message_octets_max = 1000;
    talk.options.oversize_drain_factor = 100;
    talk.begin_transaction();
    talk.say("DATA\r\n" + std::string(2000, 'x'));
    EXPECT_EQ(talk.host.aborts, 1);
    EXPECT_TRUE(talk.session.in_mail_data());
    EXPECT_FALSE(talk.session.in_transaction());
    const int rooms = talk.host.body_rooms;
    talk.host.body_room_open = false;
    talk.say(std::string(5000, 'x') + "\r\n");
    EXPECT_EQ(talk.host.body_rooms, rooms);
    EXPECT_EQ(talk.say(".\r\n"), "");
    EXPECT_EQ(talk.host.last(), "552 5.3.4 Message size exceeds the limit");
    EXPECT_EQ(talk.host.aborts, 1);
    EXPECT_FALSE(talk.session.in_mail_data());
}

TEST(SessionData, AChunkBeyondTheLimitIsNotEvenBegun) {
    Talk talk;
    talk.options.message_octets_max = 1000;
    talk.begin_transaction();
    talk.say("BDAT 1001 LAST\r\n");
    EXPECT_EQ(talk.host.aborts, 1);
    talk.say(std::string(1001, 'x'));
    EXPECT_EQ(talk.host.body_rooms, 0);
    EXPECT_EQ(talk.host.last(), "552 5.3.4 Message size exceeds the limit");
}

TEST(SessionData, ALargeChunkIsExpectedBeforeItComes) {
    Talk talk;
    talk.begin_transaction();
    talk.say("BDAT 100000\r\nabc");
    EXPECT_EQ(talk.host.expected_at_data, 100000u);
    EXPECT_EQ(talk.session.body_octets_expected(), 99997u);
    EXPECT_TRUE(talk.session.in_mail_data());
}

TEST(SessionStages, NameTheTimeoutThatRuns) {
    Talk talk;
    EXPECT_EQ(talk.session.stage(), Stage::banner);
    talk.host.later = "end";
    talk.begin_transaction();
    EXPECT_EQ(talk.session.stage(), Stage::command);
    talk.say("DATA\r\n");
    EXPECT_EQ(talk.session.stage(), Stage::data_block);
    talk.say("x\r\n.\r\n");
    EXPECT_EQ(talk.session.stage(), Stage::end_of_data);
    talk.session.on_decision(Decision::accept());
    EXPECT_EQ(talk.session.stage(), Stage::command);
    talk.host.later = "";
    talk.say("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 5\r\n");
    EXPECT_EQ(talk.session.stage(), Stage::data_block);
    talk.say("12345");
    EXPECT_EQ(talk.session.stage(), Stage::command);
    EXPECT_TRUE(talk.session.in_mail_data());
    EXPECT_EQ(talk.session.body_octets_expected(), 0u);
}

}  // namespace ringmx::smtp
