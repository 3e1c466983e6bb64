// Takes SMTP replies apart (RFC 5321 §4.2): whole replies come out, whatever pieces they arrived in. Lines
// that arrive whole are looked at where they lie; only the start of a line that is cut is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringmx::load {

struct Reply {
    std::uint16_t code = 0;  // 200 to 599; 0: not a reply (RFC 5321 §4.2: three digits, then space or '-')
    std::string_view text;   // of its last line, behind the code, without CR LF; valid until the next call
};

class ReplyReader {
 public:
    // Takes octets from the front of `octets`, up to the end of the next reply's last line. True: a reply is
    // complete and in `reply`.
    bool next(std::string_view& octets, Reply& reply);
    void clear() { kept_ = 0; }
    bool holds_octets() const { return kept_ > 0; }  // of a line whose end has not arrived

 private:
    // Of a line that arrives in pieces, so much is kept: room for an id in its text.
    static constexpr std::size_t kKeptMax = 126;

    std::uint8_t kept_ = 0;
    std::array<char, kKeptMax> line_;
};

}  // namespace ringmx::load
