// Takes SMTP replies apart (RFC 5321 §4.2): whole replies come out, whatever pieces they arrived in.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringmx::bench {

class ReplyReader {
 public:
    // Takes octets from the front of `octets`, up to the end of the next reply's last line. True: a reply is
    // complete, last_line() shows it until the next call.
    bool next(std::string_view& octets);

    std::string_view last_line() const { return line_; }
    // The first digit of its code: '2' done, '3' go on, '4' not now, '5' never.
    char outcome() const { return line_.empty() ? '?' : line_[0]; }

 private:
    std::string line_;
    bool line_complete_ = false;
};

}  // namespace ringmx::bench
