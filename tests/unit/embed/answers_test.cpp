// Decisions of a program, at each place where it is asked: at once, and later from another thread.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "embedded.hpp"

namespace ringmx::embed {
namespace {

using namespace test;

enum class Place { connect, hello, mail, recipient, data, end_of_data };
constexpr Place kPlaces[] = {Place::connect,   Place::hello, Place::mail,
                             Place::recipient, Place::data,  Place::end_of_data};

// Asks `decide` at one place; the others accept.
template <typename F>
Callbacks at(Place place, F decide) {
    Callbacks callbacks;
    const auto ask = [decide](const Ticket& ticket, const auto&...) { return decide(ticket); };
    switch (place) {
        case Place::connect:
            callbacks.on_connect = ask;
            break;
        case Place::hello:
            callbacks.on_hello = ask;
            break;
        case Place::mail:
            callbacks.on_mail = ask;
            break;
        case Place::recipient:
            callbacks.on_recipient = ask;
            break;
        case Place::data:
            callbacks.on_data = ask;
            break;
        case Place::end_of_data:
            callbacks.on_end_of_data = ask;
            break;
    }
    return callbacks;
}

// Goes on with a transaction until a reply is a refusal, which it returns; 250 when the message was taken.
int talk(const Engine& engine) {
    MailClient client(engine.port());
    int reply = client.reply();
    for (const char* command :
         {"EHLO client.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>", "DATA"}) {
        if (reply >= 400 || reply == 0) return reply;
        reply = client.ask(command);
    }
    if (reply != 354) return reply;
    client.send(std::string(kText) + ".\r\n");
    return client.reply();
}

class Places : public ::testing::TestWithParam<Place> {};
INSTANTIATE_TEST_SUITE_P(Each, Places, ::testing::ValuesIn(kPlaces));

TEST_P(Places, RefusesWithTheReplyThatWasGiven) {
    Options options = small_options();
    options.callbacks = at(GetParam(), [](const Ticket&) { return Decision::refuse(554, "5.7.1", "No"); });
    const auto engine = start(std::move(options));
    EXPECT_EQ(talk(*engine), 554);
    EXPECT_EQ(engine->counters().at("messages_stored"), 0u);
}

TEST_P(Places, MakesARefusalOfWhatIsNone) {
    Options options = small_options();
    options.callbacks = at(GetParam(), [](const Ticket&) { return Decision::refuse(250, "2.0.0", "Yes"); });
    const auto engine = start(std::move(options));
    EXPECT_EQ(talk(*engine), 550);
}

TEST_P(Places, DisconnectsWhenToldTo) {
    Options options = small_options();
    options.callbacks =
        at(GetParam(), [](const Ticket&) { return Decision::disconnect(421, "4.7.0", "Go away"); });
    const auto engine = start(std::move(options));
    EXPECT_EQ(talk(*engine), 421);
}

// A thread of the program that answers what is asked, some time.
class Adviser {
 public:
    explicit Adviser(Decision decision) : decision_(std::move(decision)), thread_([this] { run(); }) {}
    ~Adviser() {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    Decision ask(const Ticket& ticket) {
        {
            const std::lock_guard lock(mutex_);
            tickets_.push_back(ticket);
        }
        changed_.notify_all();
        return Decision::later();
    }

 private:
    void run() {
        std::unique_lock lock(mutex_);
        while (!ends_ || !tickets_.empty()) {
            changed_.wait(lock, [this] { return ends_ || !tickets_.empty(); });
            if (tickets_.empty()) continue;
            const Ticket ticket = tickets_.front();
            tickets_.pop_front();
            lock.unlock();
            ticket.answer(Decision::later());  // no answer
            ticket.answer(decision_);
            ticket.answer(Decision::disconnect(421, "", "too late: the first counts"));
            lock.lock();
        }
    }

    const Decision decision_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Ticket> tickets_;
    bool ends_ = false;
    std::thread thread_;
};

TEST_P(Places, AcceptsLaterFromAnotherThread) {
    Adviser adviser(Decision::accept());
    Options options = small_options();
    options.cores = 2;
    options.callbacks = at(GetParam(), [&](const Ticket& ticket) { return adviser.ask(ticket); });
    const auto engine = start(std::move(options));
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back([&] {
            for (int j = 0; j < 10; ++j)
                EXPECT_EQ(talk(*engine), 250);
        });
    }
    for (std::thread& client : clients)
        client.join();
    engine->stop();
    EXPECT_EQ(engine->counters().at("messages_stored"), 40u);
}

TEST_P(Places, RefusesLaterFromAnotherThread) {
    Adviser adviser(Decision::refuse(451, "4.7.1", "Come again"));
    Options options = small_options();
    options.callbacks = at(GetParam(), [&](const Ticket& ticket) { return adviser.ask(ticket); });
    const auto engine = start(std::move(options));
    EXPECT_EQ(talk(*engine), 451);
}

TEST_P(Places, AnswersFromWithinTheCallback) {
    Options options = small_options();
    options.callbacks = at(GetParam(), [](const Ticket& ticket) {
        ticket.answer(Decision::refuse(452, "", "Not now"));
        return Decision::later();
    });
    const auto engine = start(std::move(options));
    EXPECT_EQ(talk(*engine), 452);
}

TEST_P(Places, ATicketOutlivesItsSessionAndItsEngine) {
    std::mutex mutex;
    std::vector<Ticket> tickets;
    std::atomic<unsigned> gone{0};
    Options options = small_options();
    options.callbacks = at(GetParam(), [&](const Ticket& ticket) {
        const std::lock_guard lock(mutex);
        tickets.push_back(ticket);
        return Decision::later();
    });
    options.callbacks.on_disconnect = [&](std::uint64_t) { ++gone; };
    const auto count = [&] {
        const std::lock_guard lock(mutex);
        return tickets.size();
    };
    auto engine = start(std::move(options));
    {
        MailClient client(engine->port());
        client.send(
            "EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"
            "BDAT 4 LAST\r\na\r\n\r\n");
        ASSERT_TRUE(comes_to([&] { return count() == 1; }));
        client.reset();
    }
    ASSERT_TRUE(comes_to([&] { return gone == 1; }));
    tickets.front().answer(Decision::accept());
    MailClient client(engine->port());  // most likely in the slot of the first
    client.send(
        "EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n"
        "BDAT 4 LAST\r\na\r\n\r\n");
    ASSERT_TRUE(comes_to([&] { return count() == 2; }));
    tickets.front().answer(Decision::accept());
    engine->stop(std::chrono::milliseconds(0));
    EXPECT_EQ(engine->counters().at("messages_stored"), 0u);
    engine.reset();
    tickets.back().answer(Decision::accept());  // nothing is there any more that it could wake
}

TEST(Facts, AreThoseOfTheTransaction) {
    std::mutex mutex;
    std::vector<std::string> seen;
    const auto note = [&](std::string text) {
        const std::lock_guard lock(mutex);
        seen.push_back(std::move(text));
        return Decision::accept();
    };
    std::string content;
    std::vector<std::uint64_t> sessions;
    Options options = small_options();
    options.callbacks.on_connect = [&](const Ticket&, const embed::Client& client) {
        sessions.push_back(client.session);
        return note("connect " + std::string(client.address) + " " +
                    std::to_string(client.address_octets[11]));
    };
    options.callbacks.on_hello = [&](const Ticket&, const embed::Client& client) {
        sessions.push_back(client.session);
        return note("hello " + std::string(client.name) + (client.extended ? " extended" : ""));
    };
    options.callbacks.on_mail = [&](const Ticket&, const embed::Client&, const Mail& mail) {
        return note("mail " + std::string(mail.reverse_path) + " " + std::string(mail.domain) + " " +
                    std::to_string(mail.declared_size));
    };
    options.callbacks.on_recipient = [&](const Ticket&, const embed::Client&, const Mail& mail,
                                         const Recipient& to) {
        return note("recipient " + std::string(mail.reverse_path) + " " + std::string(to.forward_path) + " " +
                    std::string(to.local_part) + " " + std::string(to.domain) + " " +
                    std::to_string(to.accepted_before));
    };
    options.callbacks.on_data = [&](const Ticket&, const embed::Client&, const Transaction& transaction) {
        std::string text = "data " + std::string(transaction.reverse_path);
        for (const std::string_view to : transaction.recipients)
            text.append(" ").append(to);
        return note(text + (transaction.content.empty() ? "" : " content"));
    };
    options.callbacks.on_end_of_data = [&](const Ticket&, const embed::Client&,
                                           const Transaction& transaction) {
        for (const std::string_view piece : transaction.content)
            content.append(piece);
        return note("end " + std::string(transaction.reverse_path) + " " +
                    std::to_string(transaction.recipients.size()) +
                    (transaction.whole && transaction.octets == content.size() ? " whole" : ""));
    };
    options.callbacks.on_disconnect = [&](std::uint64_t session) { sessions.push_back(session); };
    const auto engine = start(std::move(options));
    MailClient client = greeted(*engine);
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.org> SIZE=99"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<x@elsewhere.example>"), 550);  // the configuration's, not asked
    EXPECT_EQ(client.ask("RCPT TO:<b@example.com>"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<c@example.com>"), 250);
    EXPECT_EQ(client.ask("DATA"), 354);
    client.send(std::string(kText) + ".\r\n");
    EXPECT_EQ(client.reply(), 250);
    EXPECT_EQ(client.ask("QUIT"), 221);
    engine->stop();
    const std::vector<std::string> expected = {
        "connect 127.0.0.1 255",
        "hello client.example.org extended",
        "mail a@example.org example.org 99",
        "recipient a@example.org b@example.com b example.com 0",
        "recipient a@example.org c@example.com c example.com 1",
        "data a@example.org b@example.com c@example.com",
        "end a@example.org 2 whole",
    };
    EXPECT_EQ(seen, expected);
    EXPECT_TRUE(content.starts_with("Received: ")) << content;
    EXPECT_TRUE(content.ends_with(kText)) << content;
    ASSERT_EQ(sessions.size(), 3u);
    EXPECT_EQ(sessions[0], sessions[1]);
    EXPECT_EQ(sessions[0], sessions[2]);
}

}  // namespace
}  // namespace ringmx::embed
