#include "lmtp/command_text.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/notify.hpp"

namespace ringmx::lmtp {
namespace {

std::string upper(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
    return out;
}

std::string_view body_text(const plugin::Message& message, const Extensions& extensions) {
    if (message.has(RINGMX_BINARYMIME) && extensions.binary_mime) return " BODY=BINARYMIME";
    if (message.has(RINGMX_8BITMIME) && extensions.eight_bit_mime) return " BODY=8BITMIME";
    return "";
}

}  // namespace

Extensions extensions_of(const Reply& hello) {
    Extensions offered;
    for (std::size_t i = 1; i < hello.lines.size(); ++i) {  // the first line is the server's name
        const std::string line = upper(hello.lines[i]);
        const std::size_t space = line.find(' ');
        const std::string keyword = line.substr(0, space);
        if (keyword == "PIPELINING") offered.pipelining = true;
        if (keyword == "8BITMIME") offered.eight_bit_mime = true;
        if (keyword == "SMTPUTF8") offered.smtputf8 = true;
        if (keyword == "CHUNKING") offered.chunking = true;
        if (keyword == "BINARYMIME") offered.binary_mime = true;
        if (keyword == "DSN") offered.dsn = true;
        if (keyword == "SIZE") {
            offered.size = true;
            if (space != std::string::npos)
                std::from_chars(line.data() + space + 1, line.data() + line.size(), offered.size_max);
        }
    }
    return offered;
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 128; });
}

bool is_plain_path(std::string_view path) {
    return std::none_of(path.begin(), path.end(), [](unsigned char c) { return c < 32 || c == 127; });
}

bool needs_smtputf8(const plugin::Message& message) {
    return message.has(RINGMX_SMTPUTF8) &&
           (!is_ascii(message.reverse_path()) || has_8bit_header(message.spans()));
}

std::string mail_command(const plugin::Message& message, const Extensions& extensions, bool smtputf8) {
    std::string command = "MAIL FROM:<";
    command.append(message.reverse_path()).append(">");
    if (extensions.size) command.append(" SIZE=").append(std::to_string(message.octets()));
    command.append(body_text(message, extensions));
    if (smtputf8) command.append(" SMTPUTF8");
    if (extensions.dsn) {
        if (message.raw().ret == RINGMX_RET_FULL) command.append(" RET=FULL");
        if (message.raw().ret == RINGMX_RET_HDRS) command.append(" RET=HDRS");
        if (!message.envid().empty() && is_plain_path(message.envid()))
            command.append(" ENVID=").append(message.envid());
    }
    return command.append("\r\n");
}

std::string recipient_command(const plugin::Recipient& recipient, const Extensions& extensions) {
    std::string command = "RCPT TO:<";
    command.append(recipient.forward_path).append(">");
    if (extensions.dsn) {
        if (recipient.notify != 0)
            command.append(" NOTIFY=").append(backends::notify_words(recipient.notify, ','));
        if (!recipient.orcpt.empty() && is_plain_path(recipient.orcpt))
            command.append(" ORCPT=").append(recipient.orcpt);
    }
    return command.append("\r\n");
}

// RFC 5321 §4.5.3.1.10: 452, and 552 of older servers; but 4.2.2 and 5.2.2 is a full mailbox (RFC 3463).
bool is_too_many(const Reply& reply) {
    if (reply.code != 452 && reply.code != 552) return false;
    const std::string_view text = reply.lines.empty() ? std::string_view{} : reply.lines.front();
    const bool enhanced = text.size() > 4 && (text[0] == '4' || text[0] == '5') && text[1] == '.';
    return !enhanced || text.substr(2, 3) == "5.3";
}

}  // namespace ringmx::lmtp
