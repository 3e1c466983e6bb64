// Far more mail at once than there is memory: everybody waits for turns, nobody is stuck, and nobody loses a
// part of his message.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core_fixture.hpp"

namespace ringmx::server {
namespace {

using test::Client;

class ScarceMemoryTest : public test::CoreTest {
 protected:
    // Each client sends its message in pieces, all of them side by side; returns the replies to the messages.
    std::vector<int> send_side_by_side(unsigned clients, std::size_t octets, std::size_t piece) {
        std::vector<int> replies(clients, 0);
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < clients; ++i) {
            threads.emplace_back([&, i] {
                Client one(port_);
                one.reply();
                one.ask("EHLO client.example.org");
                replies[i] = one.ask("MAIL FROM:<a@example.org>");
                if (replies[i] != 250) return;
                one.ask("RCPT TO:<b@example.com>");
                replies[i] = one.ask("DATA");
                if (replies[i] != 354) return;
                std::string body;
                while (body.size() < octets)
                    body += "a line of text that is neither long nor short\r\n";
                const std::size_t length = body.size();
                body += ".\r\n";
                for (std::size_t at = 0; at < body.size(); at += piece)
                    one.send(std::string_view(body).substr(at, piece));
                replies[i] = one.reply();
                if (replies[i] == 250) octets_sent_ += length;
                one.ask("QUIT");
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        return replies;
    }
    std::atomic<std::uint64_t> octets_sent_{0};
};

TEST_F(ScarceMemoryTest, EverybodyIsServedInTurnsOrToldToComeBack) {
    constexpr std::size_t kSlab = 512 * 1024;
    make(std::make_unique<policy::Policy>(), kSlab);
    run();
    unsigned stored = 0;
    for (const std::size_t octets : {std::size_t{20'000}, std::size_t{90'000}, std::size_t{700'000}}) {
        for (const int reply : send_side_by_side(24, octets, 10'000)) {
            EXPECT_TRUE(reply == 250 || (reply >= 400 && reply < 500)) << reply;
            stored += reply == 250;
        }
    }
    EXPECT_GT(stored, 0u);
    stop();
    EXPECT_EQ(counters_.messages_stored.get(), stored);
    EXPECT_GT(counters_.bytes_stored.get(), octets_sent_.load());
    EXPECT_LT(counters_.bytes_stored.get(), octets_sent_.load() + stored * 1000u);
}

}  // namespace
}  // namespace ringmx::server
