// Storage that answers late, and names that are refused: what a client is told meanwhile, and what is left
// behind.
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core_fixture.hpp"

namespace ringmx::server {
namespace {

using test::Client;

// Keeps what it is given until it is told to let go. On the core's thread but for `hold`.
class HoldingBackend final : public storage::Backend {
 public:
    HoldingBackend(storage::StoreSink& sink, std::atomic<bool>& hold) : sink_(sink), hold_(hold) {}

    storage::BackendTraits traits() const override {
        return {
            .name = "holding", .durability = storage::Durability::none, .streams = false, .blocking = false};
    }
    void submit(std::span<const storage::StoreRequest> batch) override {
        for (const storage::StoreRequest& request : batch) {
            if (request.op == storage::StoreOp::abort) {
                sink_.message_done(request.message, storage::StoreStatus::aborted, {});
            } else {
                held_.push_back(request.message);
            }
        }
    }
    void flush() override { let_go(); }
    void tick(Now) override { let_go(); }
    bool accepting() const override { return true; }
    void close() override {}
    std::uint64_t outstanding() const override { return held_.size(); }
    const storage::BackendCounters& counters() const override { return counters_; }

 private:
    void let_go() {
        if (hold_) return;
        const std::vector<Message*> going = std::exchange(held_, {});
        for (Message* message : going)
            sink_.message_done(message, storage::StoreStatus::stored, {});
    }

    storage::StoreSink& sink_;
    std::atomic<bool>& hold_;
    std::vector<Message*> held_;
    storage::BackendCounters counters_;
};

class SlowStorageTest : public test::CoreTest {
 protected:
    SlowStorageTest() { config_.timeouts.end_of_data_s = 1; }
    void start() {
        make(std::make_unique<policy::Policy>(), std::size_t{4} << 20,
             [this](storage::StoreSink& sink) { return std::make_unique<HoldingBackend>(sink, hold_); });
        run();
    }
    Client greeted() {
        Client one(port_);
        EXPECT_EQ(one.reply(), 220);
        EXPECT_EQ(one.ask("EHLO client.example.org"), 250);
        return one;
    }
    std::atomic<bool> hold_{true};
};

TEST_F(SlowStorageTest, NoVerdictInTimeIs451AndTheSessionGoesOn) {
    start();
    Client one = greeted();
    ASSERT_TRUE(one.begin_message());
    one.send("Subject: slow\r\n\r\ntext\r\n.\r\n");
    EXPECT_EQ(one.reply(), 451);
    EXPECT_EQ(counters_.verdicts_overdue.get(), 1u);
    ASSERT_TRUE(comes_to([&] { return counters_.storage_oldest_ms.get() >= 1000; })) << "it still waits";
    hold_ = false;
    ASSERT_TRUE(comes_to([&] { return counters_.messages_stored_late.get() == 1; }));
    ASSERT_TRUE(comes_to([&] { return counters_.storage_oldest_ms.get() == 0; }));
    EXPECT_EQ(counters_.messages_stored.get(), 0u);
    ASSERT_TRUE(one.begin_message());
    one.send("Subject: again\r\n\r\ntext\r\n.\r\n");
    EXPECT_EQ(one.reply(), 250);
    EXPECT_EQ(one.ask("QUIT"), 221);
    EXPECT_TRUE(one.ends());
    EXPECT_EQ(counters_.messages_stored.get(), 1u);
    EXPECT_EQ(counters_.timeouts.get(), 0u);
}

TEST_F(SlowStorageTest, AMessageWhoseClientHasGoneIsReleasedWhenStorageAnswers) {
    start();
    {
        Client one = greeted();
        ASSERT_TRUE(one.begin_message());
        one.send("text\r\n.\r\n");
        ASSERT_TRUE(comes_to([&] { return counters_.messages_begun.get() == 1; }));
        one.reset();
    }
    ASSERT_TRUE(comes_to([&] { return counters_.connections_closed.get() == 1; }));
    hold_ = false;
    stop();
    EXPECT_EQ(counters_.messages_stored.get(), 0u);
}

// Accepts the first EHLO and refuses all others, at once or later.
class OneNamePolicy final : public policy::Policy {
 public:
    explicit OneNamePolicy(bool later) : later_(later) {}
    policy::Answers* answers = nullptr;
    std::atomic<bool> asked{false};
    std::string at_mail;

    Decision on_hello(policy::Ticket ticket, const policy::ClientFacts& client) override {
        if (client.name == "first.example.org") return Decision::accept();
        constexpr Reply no{550, {5, 7, 1}, "No"};
        if (!later_) return Decision::reject(no);
        answers->answer(ticket, Decision::reject(no));
        return Decision::later();
    }
    Decision on_mail(policy::Ticket, const policy::ClientFacts& client, const policy::MailFacts&) override {
        at_mail = client.name;
        asked = true;
        return Decision::accept();
    }

 private:
    const bool later_;
};

class RefusedNameTest : public test::CoreTest, public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(AtOnceOrLater, RefusedNameTest, ::testing::Bool());

TEST_P(RefusedNameTest, ANameThatIsRefusedLeavesTheOldOne) {
    auto policy = std::make_unique<OneNamePolicy>(GetParam());
    OneNamePolicy& seen = *policy;
    make(std::move(policy));
    seen.answers = core_.get();
    run();
    Client one(port_);
    EXPECT_EQ(one.reply(), 220);
    EXPECT_EQ(one.ask("EHLO first.example.org"), 250);
    EXPECT_EQ(one.ask("HELO second.example.org"), 550);
    EXPECT_EQ(one.ask("MAIL FROM:<a@example.org> SIZE=10"), 250);
    ASSERT_TRUE(seen.asked);
    EXPECT_EQ(seen.at_mail, "first.example.org");
    EXPECT_EQ(one.ask("QUIT"), 221);
}

}  // namespace
}  // namespace ringmx::server
