#include "message/trace.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/utf8.hpp"
#include "message/envelope.hpp"

// The header is written word by word; a word is never split, so that a name stays a name. Before a word that
// would pass the line's limit the line is folded (CR LF, tab).

namespace ringmx {

namespace {

constexpr std::size_t kLineOctets = 78;      // RFC 5322 §2.1.1: SHOULD
constexpr std::size_t kNameOctetsMax = 255;  // RFC 5321 §4.5.3.1.2; longer names are cut
// Longer mailboxes are not printed: the line must end before 998 octets (RFC 5322 §2.1.1).
constexpr std::size_t kMailboxOctetsMax = 700;
constexpr std::size_t kTlsOctetsMax = 70;

// RFC 3848; RFC 6531 §4.3. After HELO there is no keyword that tells TLS.
std::string_view protocol_keyword(std::uint32_t flags) {
    const bool tls = (flags & envelope_flags::tls) != 0;
    if ((flags & envelope_flags::smtputf8) != 0) return tls ? "UTF8SMTPS" : "UTF8SMTP";
    if ((flags & envelope_flags::esmtp) != 0) return tls ? "ESMTPS" : "ESMTP";
    return "SMTP";
}

// Which octets may stand as they are.
using OctetSet = std::array<bool, 256>;

// In a name: what stands outside of comments and quotes (RFC 5322 §3.2.3); literals bring brackets and
// colons.
constexpr OctetSet kNameOctets = [] {
    OctetSet set{};
    for (std::size_t c = '!'; c <= '~'; ++c)
        set[c] = true;
    for (const char c : std::string_view("()<>;,\\\""))
        set[static_cast<unsigned char>(c)] = false;
    return set;
}();

// In a path, whose quoted local part may have anything printable.
constexpr OctetSet kPathOctets = [] {
    OctetSet set{};
    for (std::size_t c = ' '; c <= '~'; ++c)
        set[c] = true;
    return set;
}();

// In a comment: the same, and blanks.
constexpr OctetSet kCommentOctets = [] {
    OctetSet set = kNameOctets;
    set[' '] = true;
    return set;
}();

class HeaderWriter {
 public:
    HeaderWriter(MutableBytes out, bool utf8) : out_(out), utf8_(utf8) {}

    std::size_t written() const { return at_; }

    // Begins a word of `octets`: a blank before it, or a fold if it would pass the end of the line.
    void begin_word(std::size_t octets) {
        if (column_ + 1 + octets > kLineOctets) return fold();
        put(" ");
    }
    void word(std::string_view text) {
        begin_word(text.size());
        put(text);
    }
    void fold() {
        put("\r\n\t");
        column_ = 1;
    }
    void put(std::string_view text) {
        RMX_ASSERT(text.size() <= out_.size() - at_);
        std::memcpy(out_.data() + at_, text.data(), text.size());
        at_ += text.size();
        column_ += text.size();
    }
    // Puts text from outside: an octet that `allowed` refuses becomes "?"; UTF-8 passes when it is well
    // formed and the transaction is SMTPUTF8.
    void put_foreign(std::string_view text, const OctetSet& allowed) {
        while (!text.empty()) {
            std::size_t length = 0;
            while (length < text.size() && allowed[static_cast<unsigned char>(text[length])])
                ++length;
            if (length == 0 && utf8_) length = utf8_multibyte_length(text);
            put(length > 0 ? text.substr(0, length) : "?");
            text.remove_prefix(std::max<std::size_t>(length, 1));
        }
    }

 private:
    MutableBytes out_;
    std::size_t at_ = 0;
    std::size_t column_ = 0;
    bool utf8_;
};

// From-domain: the name that the client gave, and in parentheses the address that it came from.
void write_from(HeaderWriter& out, const TraceFacts& facts) {
    const std::string_view given = facts.client_name.empty() ? "unknown" : facts.client_name;
    const std::string_view name = given.substr(0, kNameOctetsMax);
    out.put("Received: from");
    out.begin_word(name.size());
    out.put_foreign(name, kNameOctets);
    if (facts.client.family == PeerAddress::Family::none) return;
    std::array<char, 48> buffer;
    const std::string_view literal = facts.client.format_literal(buffer);
    const std::string_view host = facts.client_host.substr(0, kNameOctetsMax);
    const std::size_t host_octets = host.empty() ? 0 : host.size() + 1;
    out.begin_word(host_octets + literal.size() + 4);
    out.put("(");
    if (!host.empty()) {
        out.put_foreign(host, kNameOctets);
        out.put(" ");
    }
    out.put("[");
    out.put(literal);
    out.put("])");
}

void write_by_with_id(HeaderWriter& out, const TraceFacts& facts) {
    out.fold();
    out.put("by");
    out.word(facts.hostname.substr(0, kNameOctetsMax));
    out.word("with");
    out.word(protocol_keyword(facts.flags));
    if (!facts.tls.empty()) {
        const std::string_view text = facts.tls.substr(0, kTlsOctetsMax);
        constexpr std::string_view kWhere = " at the proxy";
        const bool at_proxy = (facts.flags & envelope_flags::tls_at_proxy) != 0;
        out.begin_word(text.size() + 2 + (at_proxy ? kWhere.size() : 0));
        out.put("(");
        out.put_foreign(text, kCommentOctets);
        if (at_proxy) out.put(kWhere);
        out.put(")");
    }
    const MessageId::Text id = facts.id.text();
    out.begin_word(3 + id.size() + 1);  // "id", the id and the semicolon that may follow
    out.put("id ");
    out.put(as_text(id));
}

// Prints a recipient without domain, <postmaster>, as ours: the grammar asks for a whole mailbox.
void write_for(HeaderWriter& out, const TraceFacts& facts) {
    if (facts.recipient.empty() || facts.recipient.size() > kMailboxOctetsMax) return;
    const bool whole = facts.recipient.find('@') != std::string_view::npos;
    out.fold();
    out.put("for <");
    out.put_foreign(facts.recipient, kPathOctets);
    if (!whole) {
        out.put("@");
        out.put(facts.hostname.substr(0, kNameOctetsMax));
    }
    out.put(">");
}

void put_number(char*& to, int value, int digits) {
    for (int at = digits - 1; at >= 0; --at) {
        to[at] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    to += digits;
}

void put_text(char*& to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    to += text.size();
}

}  // namespace

std::size_t write_received_header(MutableBytes out, const TraceFacts& facts) {
    RMX_ASSERT(out.size() >= kTraceBytesMax);
    HeaderWriter writer(out, (facts.flags & envelope_flags::smtputf8) != 0);
    write_from(writer, facts);
    write_by_with_id(writer, facts);
    write_for(writer, facts);
    writer.put(";");
    writer.word(facts.date);
    writer.put("\r\n");
    return writer.written();
}

std::string_view DateCache::format(std::int64_t wall_us) {
    constexpr std::int64_t kYear10000 = 253'402'300'800;  // the grammar has four digits for the year
    const std::int64_t second = std::clamp<std::int64_t>(wall_us / kUsPerSecond, 0, kYear10000 - 1);
    if (second == second_) return {text_, length_};

    static constexpr std::string_view kDays[] = {"Sun, ", "Mon, ", "Tue, ", "Wed, ",
                                                 "Thu, ", "Fri, ", "Sat, "};
    static constexpr std::string_view kMonths[] = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                                   " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
    const std::time_t time = second;
    std::tm utc{};
    gmtime_r(&time, &utc);
    char* to = text_;
    put_text(to, kDays[utc.tm_wday]);
    put_number(to, utc.tm_mday, 2);
    put_text(to, kMonths[utc.tm_mon]);
    put_number(to, utc.tm_year + 1900, 4);
    put_text(to, " ");
    put_number(to, utc.tm_hour, 2);
    put_text(to, ":");
    put_number(to, utc.tm_min, 2);
    put_text(to, ":");
    put_number(to, utc.tm_sec, 2);
    put_text(to, " +0000");
    second_ = second;
    length_ = static_cast<std::uint8_t>(to - text_);
    return {text_, length_};
}

}  // namespace ringmx
