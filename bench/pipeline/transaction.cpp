#include "transaction.hpp"

#include <algorithm>

namespace ringmx::bench {
namespace {

// Headers and lines of text, exactly `octets` long, that end with CR LF and need no dot-stuffing.
std::string make_message(std::size_t octets) {
    std::string message = "From: <sender@example.net>\r\nSubject: load\r\n\r\n";
    constexpr std::size_t kLineOctets = 78;
    while (message.size() < octets) {
        const std::size_t left = octets - message.size();
        std::size_t line = std::min(left, kLineOctets);
        if (left > line && left - line < 3) line -= 3;  // no rest too short for a line of its own
        message.append(line - 2, 'x');
        message += "\r\n";
    }
    return message;
}

}  // namespace

std::vector<Step> make_steps(const Options& options) {
    const std::string envelope = "MAIL FROM:<sender@example.net>\r\nRCPT TO:<" + options.recipient + ">\r\n";
    const std::string message = make_message(options.message_octets);
    if (options.bdat) {
        return {{envelope + "BDAT " + std::to_string(message.size()) + " LAST\r\n" + message, "222"}};
    }
    return {{envelope + "DATA\r\n", "223"}, {message + ".\r\n", "2"}};
}

}  // namespace ringmx::bench
