// Replies of an SMTP or LMTP server (RFC 5321 §4.2), cut out of the octets as they arrive. The server is not
// trusted: lines and replies have limits, and what is no reply is an error.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringmx::lmtp {

struct Reply {
    int code = 0;                    // 200 to 599
    std::vector<std::string> lines;  // the text behind the code, one for each line
    // Code and text as one line of at most 200 printable characters.
    std::string text() const;
};

class ReplyParser {
 public:
    static constexpr std::size_t line_octets_max = 4096;    // RFC 5321 §4.5.3.1.5 has 512
    static constexpr std::size_t reply_octets_max = 65536;  // of all lines

    void feed(std::string_view octets) { buffer_.append(octets); }
    // The next whole reply, or nothing: more octets are needed, or broken().
    std::optional<Reply> next();
    bool broken() const { return broken_; }

 private:
    bool take_line(std::string_view line);  // true: it was the last of its reply

    std::string buffer_;
    Reply reply_;
    std::size_t reply_octets_ = 0;
    bool broken_ = false;
};

}  // namespace ringmx::lmtp
