// Messages in the mbox formats of `ringmxctl spool export`:
//   a file    mboxrd: CR LF becomes LF, lines that match ">*From " get one more ">", an empty line ends each
//   message a stream  the bytes as they are stored, each message behind its "From " line; nothing is quoted
//   or changed
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "output.hpp"

namespace ringmx::ctl {

// Writes one message at a time; the pieces of a message may be cut anywhere.
class MboxWriter {
 public:
    enum class Style : std::uint8_t { rd, raw };

    MboxWriter(Output& out, Style style) : out_(out), style_(style) {}

    bool begin(std::string_view from_line);
    bool add(Bytes piece);
    // Ends the message: completes its last line, so that the next "From " begins one.
    bool end();

 private:
    bool put(char c);
    bool release();  // writes what was held back for the question whether the line must be quoted

    Output& out_;
    Style style_;
    bool carriage_return_ = false;  // a CR whose successor is not known yet
    bool line_start_ = true;        // only ">" and letters of "From " since the line's start
    std::uint64_t angles_ = 0;      // ">" held back
    std::size_t letters_ = 0;       // of "From " held back
    char last_ = '\n';              // last octet of the message so far
};

}  // namespace ringmx::ctl
