#include "recipients/socketmap_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::size_t kLengthDigitsMax = 6;  // of limits::socketmap_reply_octets_max
constexpr std::size_t kReasonOctetsMax = 200;

struct Word {
    std::string_view text;
    SocketmapAnswer answer;
};
constexpr Word kWords[] = {{"OK", SocketmapAnswer::ok},
                           {"NOTFOUND", SocketmapAnswer::not_found},
                           {"TEMP", SocketmapAnswer::temporary},
                           {"TIMEOUT", SocketmapAnswer::temporary},
                           {"PERM", SocketmapAnswer::permanent}};

}  // namespace

void append_question(std::string& to, std::string_view map, std::string_view key) {
    to += std::to_string(map.size() + 1 + key.size());
    to += ':';
    to.append(map);
    to += ' ';
    to.append(key);
    to += ',';
}

void SocketmapReply::reset() {
    text_.clear();
    reason_.clear();
}

bool SocketmapReply::finish(SocketmapAnswer answer, std::string_view reason) {
    answer_ = answer;
    reason_ = reason.substr(0, kReasonOctetsMax);
    return true;
}

bool SocketmapReply::feed(std::string_view octets) {
    if (text_.size() + octets.size() > limits::socketmap_reply_octets_max + kLengthDigitsMax + 2)
        return finish(SocketmapAnswer::malformed, "a reply that is too long");
    text_.append(octets);
    return parse();
}

bool SocketmapReply::parse() {
    const std::size_t colon = text_.find(':');
    if (colon == std::string::npos && text_.size() <= kLengthDigitsMax &&
        text_.find_first_not_of("0123456789") == std::string::npos) {
        return false;
    }
    std::size_t length = 0;
    const char* const end = text_.data() + (colon == std::string::npos ? 0 : colon);
    const auto [stop, error] = std::from_chars(text_.data(), end, length);
    if (error != std::errc{} || stop != end || colon > kLengthDigitsMax ||
        length > limits::socketmap_reply_octets_max) {
        return finish(SocketmapAnswer::malformed, "what is no netstring");
    }
    const std::size_t whole = colon + 1 + length + 1;
    if (text_.size() < whole) return false;
    if (text_.size() > whole || text_.back() != ',')
        return finish(SocketmapAnswer::malformed, "a netstring that does not end where it should");
    const std::string_view reply = std::string_view(text_).substr(colon + 1, length);
    const std::size_t blank = std::min(reply.find(' '), reply.size());
    for (const Word& word : kWords) {
        if (reply.substr(0, blank) == word.text)
            return finish(word.answer, reply.substr(std::min(blank + 1, reply.size())));
    }
    return finish(SocketmapAnswer::malformed, "a reply that begins with no word of the protocol");
}

}  // namespace ringmx::recipients
