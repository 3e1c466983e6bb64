// Cores that ask a socketmap service: one that answers, that is slow, away, or speaks nonsense. Under the
// thread sanitizer this is the test of what crosses threads.
#include <chrono>

#include "fake_socketmap.hpp"
#include "recipients/socketmap_client.hpp"
#include "service_fixture.hpp"

namespace ringmx::recipients {
namespace {

using policy::Found;
using std::chrono::steady_clock;
using test::FakeCore;
using test::FakeSocketmap;

class SocketmapTest : public test::ServiceTest {
 protected:
    SocketmapTest() : path_(testing::TempDir() + "ringmx-socketmap-" + std::to_string(getpid())) {
        options_.path = path_;
        options_.map = "virtual";
    }
    ~SocketmapTest() override {
        end();
        server_.reset();
    }
    void serve(test::FakeService::Answer answer) {
        server_ = std::make_unique<FakeSocketmap>(path_, std::move(answer));
    }
    // "alice" and everything at all.example exist.
    void serve_alice() {
        serve([](const std::string& question) {
            const bool exists = question == "virtual alice@example.com" || question == "virtual @all.example";
            return FakeSocketmap::netstring(exists ? "OK x" : "NOTFOUND ");
        });
    }
    FakeCore& start(std::size_t cache = 100) {
        service_options_.name = name_of(options_);
        return start_service([this](ServiceDesk& desk) { return SocketmapClient::make(options_, desk); },
                             cache);
    }

    const std::string path_;
    SocketmapOptions options_;
    std::unique_ptr<FakeSocketmap> server_;
};

TEST_F(SocketmapTest, AddressBaseAndDomainAreAskedInTurn) {
    serve_alice();
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 0);
    EXPECT_EQ(server_->questions(), (std::vector<std::string>{"virtual alice@example.com"}));
    EXPECT_EQ(core.resolve("alice+tag", "example.com", "alice"), 0) << "alice is remembered";
    EXPECT_EQ(core.resolve("bob"), 550);
    EXPECT_EQ(core.resolve("anyone+x", "all.example", "anyone"), 0);
    EXPECT_EQ(core.resolve("", "all.example"), 0) << "remembered";
    EXPECT_EQ(core.resolve("", "example.com"), 550);
    EXPECT_EQ(server_->questions(),
              (std::vector<std::string>{"virtual alice@example.com", "virtual bob@example.com",
                                        "virtual @example.com", "virtual anyone+x@all.example",
                                        "virtual anyone@all.example", "virtual @all.example"}));
    EXPECT_EQ(counters_.recipients_service_errors.get(), 0u);
}

TEST_F(SocketmapTest, AnswersAreRememberedForTheirTime) {
    serve_alice();
    times_.missing_ns = 0;
    FakeCore& core = start();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(core.resolve("alice"), 0);
        EXPECT_EQ(core.resolve("bob"), 550);
    }
    EXPECT_EQ(core.counters.recipients_cached.get(), 2u) << "alice's second and third";
    EXPECT_EQ(core.counters.recipients_asked.get(), 4u);
    EXPECT_EQ(server_->questions().size(), 7u) << "alice once, bob and @example.com each time";
}

TEST_F(SocketmapTest, WhatIsRememberedIsNotRememberedAnewByBeingUsed) {
    serve_alice();
    times_.missing_ns = kSecond;
    FakeCore& core = start();
    const auto begun = steady_clock::now();
    // "@example.com" is known from the first question on, and used by all the others.
    int names = 0;
    while (steady_clock::now() < begun + std::chrono::milliseconds(2500)) {
        EXPECT_EQ(core.resolve("nobody" + std::to_string(++names)), 550);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const auto questions = server_->questions();
    EXPECT_GE(std::count(questions.begin(), questions.end(), "virtual @example.com"), 2);
}

TEST_F(SocketmapTest, ForgetMakesTheCoresAskAgain) {
    serve_alice();
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 0);
    EXPECT_EQ(core.resolve("alice"), 0);
    EXPECT_EQ(server_->questions().size(), 1u);
    service_->forget();
    EXPECT_EQ(core.resolve("alice"), 0);
    EXPECT_EQ(server_->questions().size(), 2u);
}

TEST_F(SocketmapTest, TemporaryAndPermanentErrorsAreUnavailableAndNotRemembered) {
    std::atomic<int> count{0};
    serve([&](const std::string&) {
        constexpr const char* answers[] = {"TEMP database is down", "TIMEOUT ", "PERM no such map", "OK "};
        return FakeSocketmap::netstring(answers[count++ % 4]);
    });
    FakeCore& core = start();
    for (const int outcome : {451, 451, 451, 0})
        EXPECT_EQ(core.resolve("alice"), outcome);
    EXPECT_EQ(core.counters.recipients_unavailable.get(), 3u);
    EXPECT_EQ(counters_.recipients_service_errors.get(), 3u);
    EXPECT_EQ(server_->connections(), 1) << "the connection is still good";
    EXPECT_TRUE(comes_to([&] { return lines().find("answers again") != std::string::npos; }));
    EXPECT_NE(lines().find("TEMP or TIMEOUT: database is down"), std::string::npos);
}

TEST_F(SocketmapTest, ASlowServiceLeadsToUnavailableAtTheDeadline) {
    times_.deadline_ns = kSecond / 5;
    std::atomic<bool> slow{true};
    serve([&](const std::string&) { return slow ? "" : FakeSocketmap::netstring("OK "); });
    FakeCore& core = start();
    const auto begun = steady_clock::now();
    EXPECT_EQ(core.resolve("alice"), 451);
    EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(200));
    slow = false;
    EXPECT_EQ(core.resolve("alice"), 0) << "on a new connection: the late answer is not this one's";
    EXPECT_EQ(server_->connections(), 2);
}

TEST_F(SocketmapTest, AServiceThatIsAwayIsWaitedForUntilTheDeadline) {
    times_.deadline_ns = kSecond / 5;
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 451);
    EXPECT_TRUE(comes_to([&] { return lines().find("cannot be reached") != std::string::npos; }));
    serve_alice();
    EXPECT_TRUE(comes_to([&] { return core.resolve("alice") == 0; })) << "it is found when it is there";
    EXPECT_TRUE(comes_to([&] { return lines().find("answers again") != std::string::npos; }));
    server_->stop();
    EXPECT_EQ(core.resolve("alice"), 0) << "remembered";
    EXPECT_EQ(core.resolve("carol"), 451);
    server_->start();
    EXPECT_TRUE(comes_to([&] { return core.resolve("dora") == 550; }));
}

TEST_F(SocketmapTest, AServiceThatComesBackInTimeIsNotNoticed) {
    serve_alice();
    FakeCore& core = start(0);
    EXPECT_EQ(core.resolve("alice"), 0);
    server_->stop();
    EXPECT_EQ(core.ask("alice"), Found::later);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server_->start();
    EXPECT_EQ(core.outcome(), 0);
}

TEST_F(SocketmapTest, AConnectionThatEndsUnderAQuestionIsReplacedOnce) {
    std::atomic<int> count{0};
    serve([&](const std::string&) {
        const int number = count++;
        return number == 1 || number >= 3 ? "close" : FakeSocketmap::netstring("OK ");
    });
    FakeCore& core = start(0);
    EXPECT_EQ(core.resolve("a"), 0);
    EXPECT_EQ(core.resolve("b"), 0) << "asked again on another connection";
    EXPECT_EQ(core.resolve("c"), 451) << "and not a third time";
    EXPECT_EQ(server_->questions().size(), 5u);
}

TEST_F(SocketmapTest, NonsenseIsUnavailableAndEndsTheConnection) {
    for (const std::string nonsense : {"hello\n", "7:MAYBE x,", "3:OK ,3:OK ,", "999999999:"}) {
        std::atomic<bool> sane{false};
        serve([&](const std::string&) { return sane ? FakeSocketmap::netstring("OK ") : nonsense; });
        FakeCore& core = start(0);
        EXPECT_EQ(core.resolve("alice"), 451) << nonsense;
        sane = true;
        EXPECT_EQ(core.resolve("alice"), 0) << nonsense;
        EXPECT_EQ(server_->connections(), 2);
        end();
        server_.reset();
    }
}

TEST_F(SocketmapTest, QuestionsUnderWayAreBounded) {
    service_options_.questions_max = 4;
    times_.deadline_ns = kSecond / 4;
    serve([](const std::string&) { return ""; });
    FakeCore& core = start();
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(core.ask("user" + std::to_string(i)), Found::later);
    EXPECT_EQ(core.ask("one more"), Found::unavailable);
    for (std::uint32_t number = 1; number <= 4; ++number)
        EXPECT_EQ(core.outcome_of(number), 451);
    EXPECT_EQ(core.counters.recipients_unavailable.get(), 5u);
    EXPECT_EQ(core.ask("again"), Found::later);
    EXPECT_EQ(core.outcome(), 451);
}

TEST_F(SocketmapTest, WhatIsTooLongToBeAskedOnlyMatchesItsDomain) {
    serve_alice();
    FakeCore& core = start();
    const std::string local_part(1000, 'x');
    EXPECT_EQ(core.resolve(local_part, "example.com"), 550);
    EXPECT_EQ(core.resolve(local_part, "all.example"), 0);
    EXPECT_EQ(server_->questions(),
              (std::vector<std::string>{"virtual @example.com", "virtual @all.example"}));
}

TEST_F(SocketmapTest, AnAnswerForACoreThatHasGoneDoesNothing) {
    std::atomic<bool> asked{false};
    serve([&](const std::string&) {
        asked = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return FakeSocketmap::netstring("OK ");
    });
    FakeCore& core = start();
    EXPECT_EQ(core.ask("alice"), Found::later);
    EXPECT_TRUE(comes_to([&] { return asked.load(); }));
    cores_.clear();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

TEST_F(SocketmapTest, ManyQuestionsOfSeveralCoresGetTheirOwnAnswers) {
    service_options_.cores = 3;
    options_.connections = 4;
    serve([](const std::string& question) {
        // "virtual userN@...": even ones exist.
        if (question.starts_with("virtual @")) return FakeSocketmap::netstring("NOTFOUND ");
        const int number = std::stoi(question.substr(12));
        return FakeSocketmap::netstring(number % 2 == 0 ? "OK " : "NOTFOUND ");
    });
    start(50);
    EXPECT_EQ(wrong_answers(100), 0);
    EXPECT_LE(server_->connections(), 4);
    EXPECT_EQ(counters_.recipients_service_errors.get(), 0u);
}

}  // namespace
}  // namespace ringmx::recipients
