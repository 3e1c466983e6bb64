#include "http/envelope_headers.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <arpa/inet.h>
#include <strings.h>

#include "common/notify.hpp"

namespace ringmx::http {
namespace {

constexpr std::string_view kSpecial = "%,;\"\\<>";
constexpr std::string_view kTokenSymbols = "!#$%&'*+-.^_`|~";

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_token_octet(unsigned char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           kTokenSymbols.find(static_cast<char>(c)) != std::string_view::npos;
}

std::string client_address(const ringmx_message& raw) {
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (std::equal(mapped.begin(), mapped.end(), raw.client_address)) {
        inet_ntop(AF_INET, raw.client_address + mapped.size(), text.data(), text.size());
    } else {
        inet_ntop(AF_INET6, raw.client_address, text.data(), text.size());
    }
    return text.data();
}

std::string_view body_type(const plugin::Message& message) {
    if (message.has(RINGMX_BINARYMIME)) return "BINARYMIME";
    return message.has(RINGMX_8BITMIME) ? "8BITMIME" : "7BIT";
}

// The DSN parameters of the recipient with this number, counted from 1.
std::string recipient_dsn(std::uint32_t number, const plugin::Recipient& recipient) {
    std::string text = std::to_string(number);
    if (recipient.notify != 0) text.append("; notify=").append(backends::notify_words(recipient.notify, ' '));
    if (!recipient.orcpt.empty()) text.append("; orcpt=").append(encode(recipient.orcpt));
    return text;
}

std::string yes_or_no(bool value) {
    return value ? "true" : "false";
}

}  // namespace

std::string encode(std::string_view octets) {
    static constexpr char hex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet > 0x20 && octet < 0x7f && kSpecial.find(c) == std::string_view::npos) {
            out += c;
        } else {
            out += '%';
            out += hex[octet >> 4];
            out += hex[octet & 15];
        }
    }
    return out;
}

std::string rfc3339(std::int64_t wall_us) {
    const auto seconds = static_cast<std::time_t>(wall_us / 1'000'000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 32> date{};
    std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%s.%06dZ", date.data(), static_cast<int>(wall_us % 1'000'000));
    return text.data();
}

std::vector<std::string> envelope_headers(const plugin::Message& message) {
    const ringmx_message& raw = message.raw();
    std::vector<std::string> fields;
    const auto field = [&fields](std::string_view name, const std::string& value) {
        fields.push_back(std::string(name).append(": ").append(value));
    };
    field("Content-Type", "message/rfc822");
    field("Idempotency-Key", encode(message.id()));
    field("X-Ringmx-Id", encode(message.id()));
    field("X-Ringmx-Received", rfc3339(raw.received_us));
    field("X-Ringmx-Client-Address", client_address(raw));
    field("X-Ringmx-Client-Port", std::to_string(raw.client_port));
    if (!message.client_name().empty()) field("X-Ringmx-Client-Name", encode(message.client_name()));
    field("X-Ringmx-Esmtp", yes_or_no(message.has(RINGMX_ESMTP)));
    field("X-Ringmx-Tls", yes_or_no(message.has(RINGMX_TLS)));
    field("X-Ringmx-Smtputf8", yes_or_no(message.has(RINGMX_SMTPUTF8)));
    field("X-Ringmx-Body", std::string(body_type(message)));
    if (raw.ret == RINGMX_RET_FULL) field("X-Ringmx-Ret", "FULL");
    if (raw.ret == RINGMX_RET_HDRS) field("X-Ringmx-Ret", "HDRS");
    if (!message.envid().empty()) field("X-Ringmx-Envid", encode(message.envid()));
    // An empty value is dropped by some on the way; "<>" cannot be an address, because these are encoded.
    field("X-Ringmx-Mail-From", message.reverse_path().empty() ? "<>" : encode(message.reverse_path()));
    for (std::uint32_t i = 0; i < message.recipient_count(); ++i)
        field("X-Ringmx-Rcpt-To", encode(message.recipient(i).forward_path));
    for (std::uint32_t i = 0; i < message.recipient_count(); ++i) {
        const plugin::Recipient recipient = message.recipient(i);
        if (recipient.notify != 0 || !recipient.orcpt.empty())
            field("X-Ringmx-Rcpt-Dsn", recipient_dsn(i + 1, recipient));
    }
    return fields;
}

bool is_extra_header(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view name = text.substr(0, colon);
    const std::string_view value = text.substr(colon + 1);
    if (!std::all_of(name.begin(), name.end(), is_token_octet)) return false;
    if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 32 || c == 127; }))
        return false;
    if (value.find_first_not_of(' ') == std::string_view::npos) return false;
    if (same(name.substr(0, 9), "X-Ringmx-")) return false;
    static constexpr std::string_view ours[] = {"Content-Type", "Content-Length",  "Transfer-Encoding",
                                                "Expect",       "Idempotency-Key", "Host",
                                                "Connection"};
    return std::none_of(std::begin(ours), std::end(ours),
                        [name](std::string_view one) { return same(name, one); });
}

}  // namespace ringmx::http
