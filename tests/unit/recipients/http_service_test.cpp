// Cores that ask an HTTP service: one that answers, that is slow, away, or says what is neither yes nor no.
#include <chrono>
#include <utility>

#include "fake_http.hpp"
#include "recipients/http_client.hpp"
#include "service_fixture.hpp"

namespace ringmx::recipients {
namespace {

using policy::Found;
using std::chrono::steady_clock;
using test::FakeCore;
using test::FakeHttp;

class HttpTest : public test::ServiceTest {
 protected:
    ~HttpTest() override {
        end();
        server_.reset();
    }
    void serve(test::FakeService::Answer answer) {
        server_ = std::make_unique<FakeHttp>(std::move(answer));
        url_ = server_->url("/r/{recipient}");
    }
    // alice@example.com exists.
    void serve_alice() {
        serve([](const std::string& target) {
            return FakeHttp::reply(target == "/r/alice%40example.com" ? 200 : 404, "{}");
        });
    }
    FakeCore& start(std::size_t cache = 100) {
        auto url = UrlTemplate::parse(url_);
        EXPECT_TRUE(url.ok()) << url_;
        const HttpOptions options{std::move(*url), request_, connections_};
        service_options_.name = name_of(options);
        service_options_.whole_domains = false;
        return start_service([options](ServiceDesk& desk) { return HttpClient::make(options, desk); }, cache);
    }

    std::string url_ = "http://127.0.0.1:1/r/{recipient}";
    HttpRequestOptions request_{"ringmx/test", {}, {}, {}};
    unsigned connections_ = 4;
    std::unique_ptr<FakeHttp> server_;
};

TEST_F(HttpTest, AddressAndBaseAreAskedAndNoDomain) {
    serve_alice();
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 0);
    EXPECT_EQ(core.resolve("alice+tag", "example.com", "alice"), 0) << "alice is remembered";
    EXPECT_EQ(core.resolve("bob"), 550);
    EXPECT_EQ(core.resolve("carol+x", "example.com", "carol"), 550);
    EXPECT_EQ(core.resolve("", "example.com"), 550) << "without a question";
    EXPECT_EQ(server_->targets(),
              (std::vector<std::string>{"/r/alice%40example.com", "/r/bob%40example.com",
                                        "/r/carol%2Bx%40example.com", "/r/carol%40example.com"}));
    EXPECT_EQ(server_->connections(), 1) << "it stays open";
    EXPECT_EQ(counters_.recipients_service_errors.get(), 0u);
}

TEST_F(HttpTest, ARequestSaysWhoAsks) {
    serve_alice();
    request_.headers = {"X-Key: a b"};
    request_.bearer_token = "secret";
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 0);
    const std::string request = server_->last_request();
    for (const char* field : {"GET /r/alice%40example.com HTTP/1.1\r\n", "\r\nX-Key: a b\r\n",
                              "\r\nAuthorization: Bearer secret\r\n", "\r\nUser-Agent: ringmx/test\r\n"})
        EXPECT_NE(request.find(field), std::string::npos) << request;
}

TEST_F(HttpTest, StatusesMeanYesNoOrNobodyKnows) {
    serve([](const std::string& target) {
        // "/r/status204%40..."
        const int status = std::stoi(target.substr(9));
        return FakeHttp::reply(status, status == 204 ? "" : "down\r\nfor lunch");
    });
    FakeCore& core = start();
    constexpr std::pair<int, int> meanings[] = {{200, 0},   {204, 0},   {404, 550}, {410, 550},
                                                {201, 451}, {301, 451}, {400, 451}, {401, 451},
                                                {403, 451}, {429, 451}, {500, 451}, {503, 451}};
    for (const auto& [status, outcome] : meanings)
        EXPECT_EQ(core.resolve("status" + std::to_string(status)), outcome) << status;
    EXPECT_EQ(core.counters.recipients_unavailable.get(), 8u);
    EXPECT_EQ(counters_.recipients_service_errors.get(), 8u);
    EXPECT_EQ(server_->connections(), 1) << "the connection is still good";
    EXPECT_TRUE(comes_to([&] { return lines().find("answers HTTP 201: down\"") != std::string::npos; }))
        << lines();
    EXPECT_EQ(core.resolve("status200"), 0) << "remembered";
    EXPECT_EQ(core.resolve("status503"), 451) << "not remembered";
    EXPECT_EQ(server_->targets().size(), 13u);
}

TEST_F(HttpTest, AnAnswerWithoutAnEndIsCutOffAndItsStatusCounts) {
    serve([](const std::string& target) {
        return target == "/r/long%40example.com"
                   ? FakeHttp::reply(200, std::string(limits::http_answer_octets_max + 100'000, 'x'))
                   : FakeHttp::reply(204);
    });
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("long"), 0);
    EXPECT_EQ(core.resolve("short"), 0);
    EXPECT_EQ(server_->connections(), 2);
}

TEST_F(HttpTest, ASlowServiceLeadsToUnavailableAtTheDeadline) {
    times_.deadline_ns = kSecond / 5;
    std::atomic<bool> slow{true};
    serve([&](const std::string&) { return slow ? "" : FakeHttp::reply(200); });
    FakeCore& core = start();
    const auto begun = steady_clock::now();
    EXPECT_EQ(core.resolve("alice"), 451);
    EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(200));
    EXPECT_TRUE(comes_to([&] { return lines().find("no answer in time") != std::string::npos; })) << lines();
    slow = false;
    EXPECT_EQ(core.resolve("alice"), 0) << "on a new connection";
    EXPECT_EQ(server_->connections(), 2);
}

TEST_F(HttpTest, AServiceThatIsAwayIsWaitedForUntilTheDeadline) {
    serve_alice();
    server_->stop();
    times_.deadline_ns = kSecond / 5;
    FakeCore& core = start();
    const auto begun = steady_clock::now();
    EXPECT_EQ(core.resolve("alice"), 451);
    EXPECT_GE(steady_clock::now() - begun, std::chrono::milliseconds(150));
    EXPECT_TRUE(comes_to([&] { return lines().find("cannot be reached") != std::string::npos; })) << lines();
    server_->start();
    EXPECT_TRUE(comes_to([&] { return core.resolve("alice") == 0; })) << "it is found when it is there";
    EXPECT_TRUE(comes_to([&] { return lines().find("answers again") != std::string::npos; }));
    server_->stop();
    EXPECT_EQ(core.resolve("alice"), 0) << "remembered";
    EXPECT_EQ(core.resolve("carol"), 451);
    server_->start();
    EXPECT_TRUE(comes_to([&] { return core.resolve("dora") == 550; }));
}

TEST_F(HttpTest, AServiceThatComesBackInTimeIsNotNoticed) {
    serve_alice();
    FakeCore& core = start(0);
    EXPECT_EQ(core.resolve("alice"), 0);
    server_->stop();
    EXPECT_EQ(core.ask("alice"), Found::later);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server_->start();
    EXPECT_EQ(core.outcome(), 0);
}

TEST_F(HttpTest, AConnectionThatEndsUnderAQuestionIsReplaced) {
    std::atomic<int> closes{0};
    serve([&](const std::string&) { return closes-- > 0 ? "close" : FakeHttp::reply(200); });
    FakeCore& core = start(0);
    EXPECT_EQ(core.resolve("a"), 0);
    closes = 1;
    EXPECT_EQ(core.resolve("b"), 0) << "asked again on another connection";
    closes = 100;
    EXPECT_EQ(core.resolve("c"), 451) << "and not for ever";
    EXPECT_LE(server_->targets().size(), 7u);
}

TEST_F(HttpTest, NonsenseIsUnavailable) {
    for (const std::string nonsense : {"hello\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "SSH-2.0-x\r\n"}) {
        std::atomic<bool> sane{false};
        times_.deadline_ns = 2 * kSecond;
        serve([&](const std::string&) { return sane ? FakeHttp::reply(200) : nonsense; });
        FakeCore& core = start(0);
        EXPECT_EQ(core.resolve("alice"), 451) << nonsense;
        sane = true;
        EXPECT_TRUE(comes_to([&] { return core.resolve("alice") == 0; })) << nonsense;
        end();
        server_.reset();
    }
}

TEST_F(HttpTest, QuestionsUnderWayAndConnectionsAreBounded) {
    service_options_.questions_max = 8;
    connections_ = 2;
    times_.deadline_ns = kSecond / 4;
    serve([](const std::string&) { return ""; });
    FakeCore& core = start();
    for (int i = 0; i < 8; ++i)
        EXPECT_EQ(core.ask("user" + std::to_string(i)), Found::later);
    EXPECT_EQ(core.ask("one more"), Found::unavailable);
    for (std::uint32_t number = 1; number <= 8; ++number)
        EXPECT_EQ(core.outcome_of(number), 451);
    EXPECT_LE(server_->open_at_once(), 2u);
    EXPECT_EQ(core.ask("again"), Found::later);
    EXPECT_EQ(core.outcome(), 451);
}

TEST_F(HttpTest, LocalPartsThatWouldNameAnotherPlaceExistNowhere) {
    serve([](const std::string&) { return FakeHttp::reply(200); });
    url_ = server_->url("/{domain}/{local}");
    FakeCore& core = start();
    EXPECT_EQ(core.resolve(".."), 550);
    EXPECT_EQ(core.resolve("."), 550);
    EXPECT_EQ(core.resolve("..+x", "example.com", ".."), 0);
    EXPECT_EQ(server_->targets(), (std::vector<std::string>{"/example.com/..%2Bx"}));
}

TEST_F(HttpTest, AServiceThatCannotBeReachedIsTriedWithOneRequest) {
    serve_alice();
    server_->stop();
    times_.deadline_ns = kSecond;
    FakeCore& core = start(0);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(core.ask("user" + std::to_string(i)), Found::later);
    for (std::uint32_t number = 1; number <= 50; ++number)
        EXPECT_EQ(core.outcome_of(number), 451);
    // The first of each connection, then one each 0.2, 0.4 and 0.8 s; and each question that gets no answer.
    EXPECT_LE(counters_.recipients_service_errors.get(), 50u + 10u);
}

TEST_F(HttpTest, AnAuthorityThatCannotBeReadIsNoAnswer) {
    times_.deadline_ns = kSecond / 5;
    serve_alice();
    url_ = "https" + server_->url("/r/{recipient}").substr(4);
    request_.ca_file = "/nonexistent/ca.pem";
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 451);
    EXPECT_TRUE(comes_to([&] { return lines().find("cannot be reached") != std::string::npos; })) << lines();
}

TEST_F(HttpTest, TheLogDoesNotSayWhatTheQueryHolds) {
    serve_alice();
    server_->stop();
    times_.deadline_ns = kSecond / 5;
    url_ = server_->url("/r?key=secret&a={recipient}");
    FakeCore& core = start();
    EXPECT_EQ(core.resolve("alice"), 451);
    EXPECT_TRUE(comes_to([&] { return lines().find("recipients_service") != std::string::npos; }));
    EXPECT_NE(lines().find("\"url\":\"" + server_->url("/r") + "\""), std::string::npos) << lines();
    EXPECT_EQ(lines().find("secret"), std::string::npos) << lines();
}

TEST_F(HttpTest, AnAnswerForACoreThatHasGoneDoesNothing) {
    std::atomic<bool> asked{false};
    serve([&](const std::string&) {
        asked = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return FakeHttp::reply(200);
    });
    FakeCore& core = start();
    EXPECT_EQ(core.ask("alice"), Found::later);
    EXPECT_TRUE(comes_to([&] { return asked.load(); }));
    cores_.clear();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

TEST_F(HttpTest, TheEndDoesNotWaitForAnAnswer) {
    serve([](const std::string&) { return ""; });
    FakeCore& core = start();
    EXPECT_EQ(core.ask("alice"), Found::later);
    EXPECT_TRUE(comes_to([&] { return !server_->targets().empty(); }));
    const auto begun = steady_clock::now();
    end();
    EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(HttpTest, ManyQuestionsOfSeveralCoresGetTheirOwnAnswers) {
    service_options_.cores = 3;
    serve([](const std::string& target) {
        // "/r/userN%40...": even ones exist.
        return FakeHttp::reply(std::stoi(target.substr(7)) % 2 == 0 ? 204 : 404);
    });
    start(50);
    EXPECT_EQ(wrong_answers(50), 0);
    EXPECT_LE(server_->connections(), 4);
    EXPECT_EQ(counters_.recipients_service_errors.get(), 0u);
}

}  // namespace
}  // namespace ringmx::recipients
