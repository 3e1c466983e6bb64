#include <memory>
#include <random>

#include <gtest/gtest.h>

#include "lmtp/client.hpp"
#include "test_message.hpp"

namespace ringmx::lmtp {
namespace {

using backends::TestMessage;

constexpr std::string_view kAll =
    "250-server\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-SIZE 1000\r\n"
    "250-BINARYMIME\r\n250 CHUNKING\r\n";
constexpr std::string_view kPipelining = "250-server\r\n250 PIPELINING\r\n";
constexpr std::string_view kNothing = "250 server\r\n";

// A client past LHLO, and what it says.
class LmtpClient : public testing::Test {
 public:
    void greet(std::string_view offer, ClientOptions options = {"mx.test", true, true}) {
        client_ = std::make_unique<Client>(std::move(options));
        client_->feed("220 server LMTP\r\n");
        EXPECT_EQ(said(), "LHLO mx.test\r\n");
        client_->feed(offer);
        EXPECT_TRUE(client_->ready());
    }
    // All that it has to say now.
    std::string said() {
        std::string text;
        while (!client_->outgoing().empty()) {
            iovec piece[3];
            const std::size_t count = client_->outgoing().gather(piece);
            std::size_t octets = 0;
            for (std::size_t i = 0; i < count; ++i) {
                text.append(static_cast<const char*>(piece[i].iov_base), piece[i].iov_len);
                octets += piece[i].iov_len;
            }
            client_->outgoing().sent(octets);
        }
        client_->drained();
        return text;
    }
    void begin(const TestMessage& message) {
        std::vector<std::uint32_t> recipients;
        for (std::uint32_t i = 0; i < message.raw.recipient_count; ++i)
            recipients.push_back(i);
        client_->begin(message.view(), recipients);
    }
    // "delivered refused deferred", one for each recipient.
    std::string outcomes() {
        EXPECT_TRUE(client_->finished());
        results_ = client_->take_results();
        std::string text;
        for (const RecipientResult& result : results_) {
            static constexpr const char* names[] = {"deferred", "delivered", "refused"};
            text += (text.empty() ? "" : " ") + std::string(names[static_cast<int>(result.outcome)]);
        }
        return text;
    }

    std::unique_ptr<Client> client_;
    std::vector<RecipientResult> results_;
};

TEST_F(LmtpClient, SaysTheEnvelopeAtOnceAndTheContentWhenSomebodyTakesIt) {
    const TestMessage message({{"a@x"}, {"b@x"}}, {"Subject: s\r\n\r\n", ".dot\r\n"});
    greet(kPipelining);
    begin(message);
    EXPECT_EQ(said(), "MAIL FROM:<sender@client.test>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
    client_->feed("250 ok\r\n250 ok\r\n250 ok\r\n");
    EXPECT_EQ(said(), "");
    client_->feed("354 go\r\n");
    EXPECT_EQ(said(), "Subject: s\r\n\r\n..dot\r\n.\r\n");
    client_->feed("250 first\r\n");
    EXPECT_FALSE(client_->finished());
    client_->feed("452 4.2.2 full\r\n");
    EXPECT_EQ(outcomes(), "delivered deferred");
    EXPECT_EQ(results_[1].text, "452 4.2.2 full");
    EXPECT_TRUE(client_->ready());
}

TEST_F(LmtpClient, WithoutPipeliningWaitsForEachReply) {
    const TestMessage message({{"a@x"}, {"b@x"}}, {"\r\nbody\r\n"});
    greet(kNothing);
    begin(message);
    EXPECT_EQ(said(), "MAIL FROM:<sender@client.test>\r\n");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(said(), "RCPT TO:<a@x>\r\n");
    client_->feed("550 no\r\n");
    EXPECT_EQ(said(), "RCPT TO:<b@x>\r\n");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(said(), "DATA\r\n");
    client_->feed("354 go\r\n");
    EXPECT_EQ(said(), "\r\nbody\r\n.\r\n");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(outcomes(), "refused delivered");
}

TEST_F(LmtpClient, ChunksCarryTheContentAsItIs) {
    const TestMessage message({{"a@x"}}, {"\r\n.bare\n.", "\r\nend"});
    greet("250-server\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    begin(message);
    EXPECT_EQ(said(), "MAIL FROM:<sender@client.test>\r\nRCPT TO:<a@x>\r\n");
    client_->feed("250 ok\r\n250 ok\r\n");
    EXPECT_EQ(said(), "BDAT 14 LAST\r\n\r\n.bare\n.\r\nend");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(outcomes(), "delivered");
}

TEST_F(LmtpClient, GivesTheParametersThatAreOfferedAndNeeded) {
    TestMessage message(
        {{"a@x", RINGMX_NOTIFY_SUCCESS | RINGMX_NOTIFY_DELAY, "rfc822;o@x"}, {"gr\xc3\xbc@x"}}, {"\r\nx"});
    message.raw.flags = RINGMX_8BITMIME | RINGMX_SMTPUTF8;
    message.raw.ret = RINGMX_RET_HDRS;
    message.raw.envid = {"ID+2B1", 6};
    greet(kAll);
    begin(message);
    EXPECT_EQ(said(),
              "MAIL FROM:<sender@client.test> SIZE=3 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=ID+2B1\r\n"
              "RCPT TO:<a@x> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@x\r\nRCPT TO:<gr\xc3\xbc@x>\r\n");
    client_->fail("enough");
    greet(kNothing);
    message.set_from("");
    begin(message);
    EXPECT_EQ(said(), "MAIL FROM:<>\r\n");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(said(), "RCPT TO:<a@x>\r\n");
}

TEST_F(LmtpClient, RefusesByItselfWhatTheServerCannotTake) {
    TestMessage binary({{"a@x"}}, {"\r\nx"});
    binary.raw.flags = RINGMX_BINARYMIME;
    const TestMessage large({{"a@x"}}, {"\r\n" + std::string(999, 'x')});
    const TestMessage bare({{"a@x"}}, {"\r\nsmuggled\n.\r\n"});
    TestMessage utf8_header({{"a@x"}}, {"Subject: \xc3\xbc\r\n\r\n"});
    utf8_header.raw.flags = RINGMX_SMTPUTF8;
    TestMessage injection({{"a@x>\r\nRCPT TO:<b@x"}}, {"\r\n"});
    const auto refused = [this](std::string_view offer, const TestMessage& message) {
        greet(offer);
        begin(message);
        EXPECT_EQ(said(), "");
        EXPECT_EQ(outcomes(), "refused");
        return results_[0].text.substr(0, 9);
    };
    EXPECT_EQ(refused(kPipelining, binary), "554 5.6.1");
    EXPECT_EQ(refused(kAll, large), "552 5.3.4");
    EXPECT_EQ(refused(kPipelining, bare), "554 5.6.1");
    EXPECT_EQ(refused(kPipelining, utf8_header), "554 5.6.7");
    EXPECT_EQ(refused(kAll, injection), "553 5.1.3");
    EXPECT_TRUE(client_->ready());
    TestMessage utf8_recipient({{"a@x"}, {"gr\xc3\xbc@x"}}, {"\r\n"});
    utf8_recipient.raw.flags = RINGMX_SMTPUTF8;
    greet(kPipelining);
    begin(utf8_recipient);
    EXPECT_EQ(said(), "MAIL FROM:<sender@client.test>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
}

TEST_F(LmtpClient, ARefusedMailOrNoRecipientIsUndoneBeforeTheNext) {
    const TestMessage message({{"a@x"}, {"b@x"}}, {"\r\n"});
    greet(kPipelining);
    begin(message);
    said();
    client_->feed("552 5.3.4 too big\r\n503 mail first\r\n503 mail first\r\n503 mail first\r\n");
    EXPECT_EQ(said(), "RSET\r\n");
    EXPECT_FALSE(client_->finished());
    client_->feed("250 ok\r\n");
    EXPECT_EQ(outcomes(), "refused refused");
    EXPECT_EQ(results_[1].text, "552 5.3.4 too big");
    begin(message);
    said();
    client_->feed("250 ok\r\n550 no\r\n451 later\r\n503 no recipients\r\n");
    EXPECT_EQ(said(), "RSET\r\n");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(outcomes(), "refused deferred");
}

TEST_F(LmtpClient, ARefusedDataIsTheAnswerForAllThatWereAccepted) {
    const TestMessage message({{"a@x"}, {"b@x"}, {"c@x"}}, {"\r\n"});
    greet(kPipelining);
    begin(message);
    said();
    client_->feed("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n451 not now\r\n");
    EXPECT_EQ(said(), "RSET\r\n");
    client_->feed("250 ok\r\n");
    EXPECT_EQ(outcomes(), "deferred refused deferred");
    EXPECT_FALSE(client_->content_begun());
}

TEST_F(LmtpClient, AGoAheadWithoutARecipientEndsTheConnection) {
    const TestMessage message({{"a@x"}}, {"\r\n"});
    greet(kPipelining);
    begin(message);
    said();
    client_->feed("250 ok\r\n550 no\r\n354 go\r\n");
    EXPECT_EQ(client_->state(), Client::State::failed);
    EXPECT_EQ(outcomes(), "refused");
}

TEST_F(LmtpClient, WhatWasAnsweredBeforeTheConnectionBrokeStands) {
    const TestMessage message({{"a@x"}, {"b@x"}, {"c@x"}, {"d@x"}}, {"\r\n"});
    greet(kPipelining);
    begin(message);
    said();
    client_->feed("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n");
    said();
    client_->feed("250 kept\r\n550 5.2.2 full\r\n");
    client_->fail("gone");
    EXPECT_TRUE(client_->content_begun());
    EXPECT_EQ(outcomes(), "delivered refused deferred refused");
    EXPECT_EQ(results_[2].text, "gone");
}

TEST_F(LmtpClient, RepliesMayComeBeforeTheContentIsWritten) {
    const TestMessage message({{"a@x"}}, {"\r\nlong content\r\n"});
    greet("250-server\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
    begin(message);
    said();
    client_->feed("250 ok\r\n250 ok\r\n");
    client_->feed("552 too big\r\n");
    EXPECT_FALSE(client_->finished()) << "the server still counts octets";
    said();
    EXPECT_EQ(outcomes(), "refused");
}

TEST_F(LmtpClient, TooManyRecipientsIsAboutTheTransaction) {
    const TestMessage message({{"a@x"}, {"b@x"}, {"c@x"}, {"d@x"}}, {"\r\n"});
    greet(kPipelining);
    begin(message);
    said();
    client_->feed("250 ok\r\n250 ok\r\n452 4.5.3 enough\r\n552 enough\r\n552 5.2.2 full\r\n354 go\r\n");
    said();
    client_->feed("250 ok\r\n");
    EXPECT_EQ(outcomes(), "delivered deferred deferred refused");
    EXPECT_TRUE(results_[1].too_many && results_[2].too_many);
    EXPECT_FALSE(results_[3].too_many);
}

TEST_F(LmtpClient, TheServersGoodbyeIsAFailureAtEveryPoint) {
    const TestMessage message({{"a@x"}}, {"\r\n"});
    greet(kPipelining);
    client_->feed("421 4.3.2 shutting down\r\n");
    EXPECT_EQ(client_->failure(), "421 4.3.2 shutting down");
    greet(kPipelining);
    begin(message);
    said();
    client_->feed("421 4.3.2 shutting down\r\n");
    EXPECT_EQ(outcomes(), "deferred");
    Client refused({"mx.test", true, true});
    refused.feed("554 go away\r\n");
    EXPECT_EQ(refused.failure(), "554 go away");
}

// Whatever a server says: every transaction ends at the latest when the connection does, with a result for
// each recipient, and nothing of the message is held behind that.
TEST_F(LmtpClient, AnyRepliesInAnyOrderAreSurvived) {
    std::mt19937 random(23);
    static const std::vector<std::string> words = {
        "250 ok\r\n", "250 ok\r\n",    "250 ok\r\n",   "354 go\r\n",  "451 no\r\n",
        "550 no\r\n", "452 4.5.3\r\n", "250-more\r\n", "421 bye\r\n", "x\r\n"};
    for (int round = 0; round < 20000; ++round) {
        std::vector<backends::TestRecipient> recipients(1 + random() % 4, {"a@x"});
        const TestMessage message(recipients, {"\r\n.\r\n"});
        greet(random() % 2 == 0 ? kPipelining : random() % 2 == 0 ? kAll : kNothing);
        begin(message);
        for (int i = 0; i < 12 && !client_->finished(); ++i) {
            if (random() % 2 == 0) said();
            client_->feed(words[random() % words.size()]);
        }
        client_->fail("the end");
        ASSERT_TRUE(client_->finished());
        ASSERT_TRUE(client_->outgoing().empty());
        const auto results = client_->take_results();
        ASSERT_EQ(results.size(), recipients.size());
        for (const RecipientResult& result : results)
            ASSERT_FALSE(result.text.empty());
    }
}

}  // namespace
}  // namespace ringmx::lmtp
