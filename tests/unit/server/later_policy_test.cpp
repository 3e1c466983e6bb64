// A core whose policy answers later: the session waits, pipelined input waits behind it, and an answer for a
// client that has gone acts on nobody. Answers are given on the core's thread, when a second client says the
// word.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core_fixture.hpp"

namespace ringmx::server {
namespace {

using test::Client;

constexpr std::string_view kAccept = "accept.example.org";  // EHLO names by which answers are given
constexpr std::string_view kReject = "reject.example.org";

// Answers the question at `place` later, all others at once.
enum class Place { connect, hello, mail, recipient, data, end_of_data };

class LaterPolicy final : public policy::Policy {
 public:
    explicit LaterPolicy(Place place) : place_(place) {}

    policy::Answers* answers = nullptr;
    std::atomic<bool> defers{true};
    std::atomic<unsigned> asked{0};
    std::atomic<unsigned> gone{0};

    Decision on_connect(policy::Ticket ticket, const policy::ClientFacts&) override {
        return decide(Place::connect, ticket);
    }
    Decision on_hello(policy::Ticket ticket, const policy::ClientFacts& client) override {
        if (client.name == kAccept) return give(Decision::accept());
        if (client.name == kReject) return give(Decision::reject({550, {5, 7, 1}, "No"}));
        return decide(Place::hello, ticket);
    }
    Decision on_mail(policy::Ticket ticket, const policy::ClientFacts&, const policy::MailFacts&) override {
        return decide(Place::mail, ticket);
    }
    Decision on_recipient(policy::Ticket ticket, const policy::ClientFacts&, const policy::MailFacts&,
                          const policy::RecipientFacts&) override {
        return decide(Place::recipient, ticket);
    }
    Decision on_data(policy::Ticket ticket, const policy::ClientFacts&, const Message&) override {
        return decide(Place::data, ticket);
    }
    Decision on_end_of_data(policy::Ticket ticket, const policy::ClientFacts&, const Message&) override {
        return decide(Place::end_of_data, ticket);
    }
    void on_disconnect(policy::Ticket) override { ++gone; }

 private:
    Decision decide(Place place, policy::Ticket ticket) {
        if (place != place_ || !defers) return Decision::accept();
        waiting_.push_back(ticket);
        ++asked;
        return Decision::later();
    }
    // Each answer twice: the second is for a question that is no longer open.
    Decision give(const Decision& decision) {
        for (const policy::Ticket& ticket : waiting_) {
            answers->answer(ticket, decision);
            answers->answer(ticket, decision);
        }
        waiting_.clear();
        return Decision::accept();
    }

    const Place place_;
    std::vector<policy::Ticket> waiting_;
};

class LaterPolicyTest : public test::CoreTest {
 protected:
    void start_at(Place place) {
        auto policy = std::make_unique<LaterPolicy>(place);
        policy_ = policy.get();
        make(std::move(policy));
        policy_->answers = core_.get();
        run();
    }
    // Sends everything up to and with the question that is answered later; true when policy has been asked.
    bool ask_all(Client& client) {
        ++questions_;  // counted here: the one at connect may have been asked already
        client.send(
            "EHLO c.example.org\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"
            "BDAT 6 LAST\r\nabcd\r\nQUIT\r\n");
        return comes_to([&] { return policy_->asked >= questions_; });
    }
    // A second client, whose own questions are not deferred, gives the answers.
    void answer(std::string_view name) {
        policy_->defers = false;
        Client control(port_);
        EXPECT_EQ(control.reply(), 220);
        EXPECT_EQ(control.ask("EHLO " + std::string(name)), 250);
    }

    LaterPolicy* policy_ = nullptr;
    unsigned questions_ = 0;  // that are answered later
};

class LaterPolicyAtPlaceTest : public LaterPolicyTest, public ::testing::WithParamInterface<Place> {
 protected:
    void SetUp() override { start_at(GetParam()); }
};
class LaterPolicyDrainTest : public LaterPolicyAtPlaceTest {};

INSTANTIATE_TEST_SUITE_P(Places, LaterPolicyAtPlaceTest,
                         ::testing::Values(Place::connect, Place::hello, Place::mail, Place::recipient,
                                           Place::data, Place::end_of_data));

TEST_P(LaterPolicyAtPlaceTest, PipelinedInputWaitsForTheAnswer) {
    Client client(port_);
    ASSERT_TRUE(ask_all(client));
    answer(kAccept);
    for (const int code : {220, 250, 250, 250, 250, 221})
        EXPECT_EQ(client.reply(), code);
    EXPECT_TRUE(client.ends());
    stop();
    EXPECT_EQ(counters_.messages_stored.get(), 1u);
}

TEST_P(LaterPolicyAtPlaceTest, ARefusalThatComesLaterIsRepliedInItsPlace) {
    Client client(port_);
    ASSERT_TRUE(ask_all(client));
    answer(kReject);
    const int place = static_cast<int>(GetParam());
    const int accepted[] = {220, 250, 250, 250, 250};
    for (int i = 0; i < std::min(place, 4); ++i)
        EXPECT_EQ(client.reply(), accepted[i]);
    EXPECT_EQ(client.reply(), 550);
    EXPECT_TRUE(client.ends());
    stop();
    EXPECT_EQ(counters_.messages_stored.get(), 0u);
}

TEST_P(LaterPolicyAtPlaceTest, AnAnswerForAClientThatHasGoneActsOnNobody) {
    {
        Client client(port_);
        ASSERT_TRUE(ask_all(client));
        client.reset();
    }
    ASSERT_TRUE(comes_to([&] { return counters_.connections_closed.get() == 1; }));
    EXPECT_EQ(policy_->gone, 1u);
    // The next takes over the slot, and is at the same question when the old one is answered.
    policy_->defers = false;
    Client next(port_);
    EXPECT_EQ(next.reply(), 220);
    answer(kReject);
    EXPECT_EQ(next.ask("EHLO d.example.org"), 250);
    EXPECT_EQ(next.ask("MAIL FROM:<a@example.org>"), 250);
    EXPECT_EQ(next.ask("QUIT"), 221);
}

TEST_P(LaterPolicyAtPlaceTest, AHalfClosedClientStillGetsItsAnswers) {
    Client client(port_);
    ASSERT_TRUE(ask_all(client));
    client.shut();
    answer(kAccept);
    for (const int code : {220, 250, 250, 250, 250, 221})
        EXPECT_EQ(client.reply(), code);
    EXPECT_TRUE(client.ends());
}

INSTANTIATE_TEST_SUITE_P(Places, LaterPolicyDrainTest,
                         ::testing::Values(Place::connect, Place::hello, Place::mail, Place::recipient,
                                           Place::data));

// A message that waits for its verdict is finished; everybody else is told to come back.
TEST_P(LaterPolicyDrainTest, ADrainDoesNotWaitForAnswersBeforeTheMailData) {
    Client client(port_);
    ASSERT_TRUE(ask_all(client));
    core_->request_stop();
    int last = 0;
    for (int code = client.reply(); code != 0; code = client.reply())
        last = code;
    EXPECT_EQ(last, 421);
}

// More input than is ever held behind a question: the rest waits in the sockets, and nothing of it is lost.
TEST_F(LaterPolicyTest, AFloodBehindAQuestionIsHeldBack) {
    start_at(Place::hello);
    constexpr int kCommands = 20'000;
    Client client(port_);
    EXPECT_EQ(client.reply(), 220);
    std::string burst = "EHLO c.example.org\r\n";
    for (int i = 0; i < kCommands; ++i)
        burst += "NOOP " + std::string(60, 'x') + "\r\n";
    std::thread sender([&] { client.send(burst); });
    ASSERT_TRUE(comes_to([&] { return policy_->asked == 1; }));
    answer(kAccept);
    EXPECT_EQ(client.reply(), 250);
    int answered = 0;
    while (answered < kCommands && client.reply() == 250)
        ++answered;
    EXPECT_EQ(answered, kCommands);
    sender.join();
    EXPECT_EQ(counters_.memory_refusals.get(), 0u);
}

// What a client sends meanwhile does not keep the question open for ever.
TEST_F(LaterPolicyTest, InputBehindAQuestionDoesNotPostponeItsDeadline) {
    config_.timeouts.command_s = 1;
    start_at(Place::hello);
    Client client(port_);
    EXPECT_EQ(client.reply(), 220);
    client.send("EHLO c.example.org\r\n");
    ASSERT_TRUE(comes_to([&] {
        client.send("N");
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return counters_.timeouts.get() == 1;
    }));
    EXPECT_EQ(client.reply(), 421);
    EXPECT_TRUE(client.ends());
}

}  // namespace
}  // namespace ringmx::server
