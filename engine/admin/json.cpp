#include "admin/json.hpp"

#include <charconv>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/clock.hpp"

namespace ringmx::admin {

namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kReplacement = "\\ufffd";

bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// How much of the start of `text` needs no escape; eight octets at a time as long as all of them need none.
std::size_t plain_length(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t tops = 0x8080808080808080;
    // The top bit of each octet that is 0; of others only behind one that is.
    const auto zeros = [](std::uint64_t word) { return (word - ones) & ~word & tops; };
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + at, sizeof word);
        const std::uint64_t low = (word - ones * 0x20) & ~word & tops;
        if ((low | (word & tops) | zeros(word ^ ones * '"') | zeros(word ^ ones * '\\')) != 0) break;
    }
    while (at < text.size() && is_plain(static_cast<unsigned char>(text[at])))
        ++at;
    return at;
}

// Makes `out` longer by `octets`; returns where they begin.
char* grow(std::string& out, std::size_t octets) {
    const std::size_t before = out.size();
    out.resize(before + octets);
    return out.data() + before;
}

char* put(char* at, std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());  // an empty one may have no address
    return at + text.size();
}

void append_escape(std::string& out, unsigned char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            out += "\\u00";
            out += kHex[c >> 4];
            out += kHex[c & 15];
    }
}

struct LeadByte {
    std::size_t length = 0;           // of the sequence; 0: none begins so
    unsigned char second_min = 0x80;  // the range of the second octet, which excludes overlong forms,
    unsigned char second_max = 0xbf;  // surrogates and what lies beyond U+10FFFF
};

LeadByte lead_byte(unsigned char c) {
    if (c >= 0xc2 && c <= 0xdf) return {2};
    if (c == 0xe0) return {3, 0xa0, 0xbf};
    if (c == 0xed) return {3, 0x80, 0x9f};
    if (c >= 0xe1 && c <= 0xef) return {3};
    if (c == 0xf0) return {4, 0x90, 0xbf};
    if (c >= 0xf1 && c <= 0xf3) return {4};
    if (c == 0xf4) return {4, 0x80, 0x8f};
    return {};
}

// The length of the well-formed UTF-8 sequence (RFC 3629 §4) at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const LeadByte lead = lead_byte(static_cast<unsigned char>(text[0]));
    if (lead.length == 0 || text.size() < lead.length) return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    if (second < lead.second_min || second > lead.second_max) return 0;
    for (std::size_t i = 2; i < lead.length; ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
    }
    return lead.length;
}

void append_two_digits(std::string& out, int value) {
    out += static_cast<char>('0' + value / 10);
    out += static_cast<char>('0' + value % 10);
}

// `value` in at least `width` digits.
void append_padded(std::string& out, std::uint64_t value, std::size_t width) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    static_cast<void>(error);
    const auto length = static_cast<std::size_t>(end - digits);
    if (length < width) out.append(width - length, '0');
    out.append(digits, length);
}

}  // namespace

void append_number(std::string& out, std::uint64_t value) {
    append_padded(out, value, 1);
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t run = plain_length(text.substr(at));
        out.append(text.substr(at, run));
        at += run;
        if (at == text.size()) break;
        const auto c = static_cast<unsigned char>(text[at]);
        if (c < 0x80) {
            append_escape(out, c);
            ++at;
            continue;
        }
        const std::size_t length = utf8_length(text.substr(at));
        out.append(length == 0 ? kReplacement : text.substr(at, length));
        at += length == 0 ? 1 : length;
    }
    out += '"';
}

char* JsonWriter::member(std::string_view name, std::size_t octets) {
    const std::string_view comma = std::exchange(first_, false) ? "" : ",";
    const std::size_t named = name.empty() ? 0 : name.size() + 3;
    char* at = put(grow(out_, comma.size() + named + octets), comma);
    return name.empty() ? at : put(put(put(at, "\""), name), "\":");
}

void JsonWriter::open(std::string_view name, char bracket) {
    member(name);
    out_ += bracket;
    first_ = true;
}

void JsonWriter::close(char bracket) {
    out_ += bracket;
    first_ = false;
}

void JsonWriter::text(std::string_view name, std::string_view value) {
    if (plain_length(value) == value.size()) {
        put(put(put(member(name, value.size() + 2), "\""), value), "\"");
        return;
    }
    member(name);
    append_json_string(out_, value);
}

void JsonWriter::number(std::string_view name, std::uint64_t value) {
    member(name);
    append_number(out_, value);
}

void JsonWriter::boolean(std::string_view name, bool value) {
    member(name);
    out_ += value ? "true" : "false";
}

void JsonWriter::milliseconds(std::string_view name, std::int64_t microseconds) {
    member(name);
    const auto value = static_cast<std::uint64_t>(microseconds < 0 ? 0 : microseconds);
    append_number(out_, value / 1000);
    out_ += '.';
    append_padded(out_, value % 1000, 3);
}

void JsonWriter::raw(std::string_view name, std::string_view json) {
    member(name);
    out_ += json;
}

void TimeFormat::append(std::string& out, std::int64_t wall_us) {
    const std::int64_t second = wall_us / kUsPerSecond;
    if (second != second_) {
        second_ = second;
        std::tm parts{};
        const std::time_t when = second;
        gmtime_r(&when, &parts);
        prefix_.clear();
        append_padded(prefix_, static_cast<std::uint64_t>(parts.tm_year + 1900), 4);
        prefix_ += '-';
        append_two_digits(prefix_, parts.tm_mon + 1);
        prefix_ += '-';
        append_two_digits(prefix_, parts.tm_mday);
        prefix_ += 'T';
        append_two_digits(prefix_, parts.tm_hour);
        prefix_ += ':';
        append_two_digits(prefix_, parts.tm_min);
        prefix_ += ':';
        append_two_digits(prefix_, parts.tm_sec);
    }
    out += prefix_;
    out += '.';
    append_padded(out, static_cast<std::uint64_t>(wall_us % kUsPerSecond), 6);
    out += 'Z';
}

}  // namespace ringmx::admin
