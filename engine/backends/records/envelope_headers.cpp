#include "envelope_headers.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>

#include "common/notify.hpp"

namespace ringmx::records {
namespace {

// ADDRESS:PORT, an IPv6 address in brackets.
std::string client_text(const ringmx_message& raw) {
    static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::array<char, INET6_ADDRSTRLEN> text{};
    const std::string port = ":" + std::to_string(raw.client_port);
    if (std::equal(mapped.begin(), mapped.end(), raw.client_address)) {
        inet_ntop(AF_INET, raw.client_address + mapped.size(), text.data(), text.size());
        return text.data() + port;
    }
    inet_ntop(AF_INET6, raw.client_address, text.data(), text.size());
    return "[" + std::string(text.data()) + "]" + port;
}

std::string sender_value(const plugin::Message& message) {
    std::string value = "<" + percent_encode(message.reverse_path()) + ">";
    if (message.has(RINGMX_BINARYMIME)) {
        value += " BODY=BINARYMIME";
    } else if (message.has(RINGMX_8BITMIME)) {
        value += " BODY=8BITMIME";
    }
    if (message.has(RINGMX_SMTPUTF8)) value += " SMTPUTF8";
    if (message.raw().ret == RINGMX_RET_FULL) value += " RET=FULL";
    if (message.raw().ret == RINGMX_RET_HDRS) value += " RET=HDRS";
    if (!message.envid().empty()) value += " ENVID=" + percent_encode(message.envid());
    return value;
}

}  // namespace

std::string percent_encode(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (c > 0x20 && c < 0x7f && c != '%' && c != '<' && c != '>') {
            encoded += c;
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += digits[octet >> 4];
        encoded += digits[octet & 0xf];
    }
    return encoded;
}

std::string recipient_value(const plugin::Recipient& recipient) {
    std::string value = "<" + percent_encode(recipient.forward_path) + ">";
    if (recipient.notify != 0) value += " NOTIFY=" + backends::notify_words(recipient.notify, ',');
    if (!recipient.orcpt.empty()) value += " ORCPT=" + percent_encode(recipient.orcpt);
    return value;
}

Headers envelope_headers(const plugin::Message& message) {
    Headers headers;
    headers.emplace_back(header_mail_from, sender_value(message));
    headers.emplace_back(header_received, std::to_string(message.raw().received_us));
    headers.emplace_back(header_client, client_text(message.raw()));
    headers.emplace_back(
        header_helo, (message.has(RINGMX_ESMTP) ? "EHLO " : "HELO ") + percent_encode(message.client_name()));
    if (message.has(RINGMX_TLS)) headers.emplace_back(header_tls, "yes");
    return headers;
}

}  // namespace ringmx::records
