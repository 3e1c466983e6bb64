// What one connection of ringmx-pipeline-load writes for a message, and the replies that it waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringmx::bench {

struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 2525;
    bool bdat = false;
    std::uint32_t connections = 50;
    std::uint64_t messages = 10000;
    std::size_t message_octets = 1024;
    std::string recipient = "recipient@example.com";
};

// One step of a transaction: what is written, and the first digits of the replies that must follow.
struct Step {
    std::string octets;
    std::string_view outcomes;
};

// The whole transaction; the last octet of the message is the last of the last step.
std::vector<Step> make_steps(const Options& options);

}  // namespace ringmx::bench
