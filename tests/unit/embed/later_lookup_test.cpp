// Recipients that the configuration looks up in a service: the program's callback is asked when it has
// answered.
#include <mutex>
#include <string>
#include <vector>

#include <unistd.h>

#include "embedded.hpp"
#include "fake_socketmap.hpp"

namespace ringmx::embed {
namespace {

using namespace test;
using recipients::test::FakeSocketmap;

TEST(LaterLookUp, TheCallbackIsAskedForWhomTheServiceKnows) {
    const std::string path = testing::TempDir() + "ringmx-embed-map-" + std::to_string(getpid());
    FakeSocketmap service(path, [](const std::string& question) {
        const bool unknown = question == "map nobody@example.com" || question == "map @example.com";
        return FakeSocketmap::netstring(unknown ? "NOTFOUND " : "OK ");
    });
    std::mutex mutex;
    std::vector<std::string> asked;
    Options options = small_options();
    options.recipients_file = "socketmap:unix:" + path + ":map";
    options.callbacks.on_recipient = [&](const Ticket& ticket, const embed::Client& client, const Mail& mail,
                                         const Recipient& to) {
        const std::lock_guard lock(mutex);
        asked.push_back(std::string(client.name) + " " + std::string(mail.reverse_path) + " " +
                        std::string(to.forward_path) + " " + std::to_string(to.accepted_before));
        if (to.local_part == "refuse")
            return Decision::refuse(550, "5.7.1", "Not for " + std::string(to.local_part));
        if (to.local_part != "latest") return Decision::accept();
        ticket.answer(Decision::refuse(554, "5.7.1", "Later"));
        return Decision::later();
    };
    const auto engine = start(std::move(options));
    MailClient client = greeted(*engine);
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.org>"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<nobody@example.com>"), 550);  // the service's, the callback is not asked
    EXPECT_EQ(client.ask("RCPT TO:<accept@example.com>"), 250);
    EXPECT_EQ(client.ask("RCPT TO:<accept@example.com>"), 250);  // remembered
    EXPECT_EQ(client.ask("RCPT TO:<refuse@example.com>"), 550);
    EXPECT_EQ(client.ask("RCPT TO:<latest@example.com>"), 554);
    engine->stop();
    const std::string from = "client.example.org a@example.org ";
    EXPECT_EQ(asked,
              (std::vector<std::string>{from + "accept@example.com 0", from + "accept@example.com 1",
                                        from + "refuse@example.com 2", from + "latest@example.com 2"}));
}

}  // namespace
}  // namespace ringmx::embed
