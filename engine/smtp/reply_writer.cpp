// See the header. A Writer never passes the end of its room: every caller asks for the room that its parts
// can need.
#include "smtp/reply_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "smtp/char_class.hpp"
#include "smtp/session.hpp"

namespace ringmx::smtp {

namespace {

constexpr std::size_t kCodeOctets = 4;             // "250 "
constexpr std::size_t kStatusOctetsMax = 14;       // "5.65535.65535 "
constexpr std::size_t kNumberOctetsMax = 20;       // a 64-bit number
constexpr std::size_t kHelloKeywordOctets = 320;   // all the extension lines without their numbers
constexpr std::uint32_t kLimitValueMax = 999'999;  // RFC 9422 §4: six digits

class Writer {
 public:
    explicit Writer(MutableBytes out)
        : at_(reinterpret_cast<char*>(out.data())), begin_(at_), end_(at_ + out.size()) {}

    Writer& text(std::string_view text) {
        RMX_ASSERT(text.size() <= left());
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
        return *this;
    }
    Writer& number(std::uint64_t value) {
        const auto result = std::to_chars(at_, end_, value);
        RMX_ASSERT(result.ec == std::errc{});
        at_ = result.ptr;
        return *this;
    }
    // At most `most` octets of foreign text, made one line of printable ASCII.
    Writer& foreign(std::string_view text, std::size_t most) {
        for (const char c : text.substr(0, most)) {
            RMX_ASSERT(left() > 0);
            *at_++ = is_class(c, char_class::printable) ? c : '?';
        }
        return *this;
    }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    std::size_t written() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
    char* at_;
    char* begin_;
    char* end_;
};

}  // namespace

std::size_t reply_octets_max(const Reply& reply, std::string_view hostname) {
    const std::size_t parts = kCodeOctets + kStatusOctetsMax + hostname.size() + 1 + reply.text.size() +
                              std::string_view("\r\n").size();
    return std::min(parts, limits::reply_line_octets_max);
}

std::size_t write_reply(MutableBytes out, const Reply& reply, std::string_view hostname) {
    Writer writer(out);
    writer.number(reply.code).text(" ");
    if (reply.status.klass != 0) {
        writer.number(reply.status.klass).text(".").number(reply.status.subject).text(".");
        writer.number(reply.status.detail).text(" ");
    }
    if (!hostname.empty()) writer.foreign(hostname, limits::domain_octets_min).text(" ");
    constexpr std::size_t line_end = 2;
    writer.foreign(reply.text, limits::reply_line_octets_max - line_end - writer.written());
    return writer.text("\r\n").written();
}

std::size_t hello_octets_max(const SessionOptions& options) {
    return limits::reply_line_octets_max + options.hostname.size() + kHelloKeywordOctets +
           3 * kNumberOctetsMax;
}

std::size_t write_extensions(MutableBytes out, const SessionOptions& options, std::string_view greeting,
                             TlsUse tls, bool xclient) {
    Writer writer(out);
    writer.text("250-").foreign(options.hostname, limits::domain_octets_min);
    if (!greeting.empty()) {
        writer.text(" ").foreign(greeting, limits::reply_line_octets_max - 2 - 1 - writer.written());
    }
    writer.text("\r\n250-PIPELINING\r\n250-SIZE ").number(options.message_octets_max);
    writer.text("\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME");
    writer.text("\r\n250-ENHANCEDSTATUSCODES\r\n250-");
    if (options.dsn) writer.text("DSN\r\n250-");
    if (tls == TlsUse::offered || tls == TlsUse::required) writer.text("STARTTLS\r\n250-");
    if (options.requiretls && tls == TlsUse::active) writer.text("REQUIRETLS\r\n250-");
    if (xclient) writer.text("XCLIENT ").text(kXclientAttributes).text("\r\n250-");
    writer.text("LIMITS RCPTMAX=");
    writer.number(std::min(options.recipients_max, kLimitValueMax));
    if (options.messages_max != 0) {
        writer.text(" MAILMAX=").number(std::min(options.messages_max, kLimitValueMax));
    }
    return writer.text("\r\n250 HELP\r\n").written();
}

std::size_t write_chunk_reply(MutableBytes out, std::uint64_t octets) {
    return Writer(out).text("250 2.0.0 ").number(octets).text(" octets received\r\n").written();
}

}  // namespace ringmx::smtp
