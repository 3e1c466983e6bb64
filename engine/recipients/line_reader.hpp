// The lines of a text file with their numbers, in bounded memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ringmx::recipients {

class LineReader {
 public:
    // "-" is standard input.
    static Result<LineReader> open(const std::string& path);
    LineReader(LineReader&& other) noexcept;
    LineReader& operator=(LineReader&&) = delete;
    ~LineReader();

    // The next line without its LF; of one that is longer than limits::recipient_line_octets_max, so much of
    // its beginning, with `too_long`. False: the end, or an error, which status() then has. The view is good
    // until the next call.
    bool next(std::string_view& line, bool& too_long);
    std::size_t number() const { return number_; }  // of the last line, from 1
    const Status& status() const { return status_; }

 private:
    LineReader(int fd, std::string path);
    // Reads more behind what is there. False: there is no more.
    bool fill();

    int fd_;
    std::string path_;
    std::string buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t number_ = 0;
    bool skipping_ = false;  // the rest of a line that was too long
    Status status_ = ok_status();
};

}  // namespace ringmx::recipients
