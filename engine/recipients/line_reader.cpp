#include "recipients/line_reader.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/limits.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::size_t kBufferOctets = 256u << 10;
static_assert(kBufferOctets > 2 * limits::recipient_line_octets_max);

}  // namespace

Result<LineReader> LineReader::open(const std::string& path) {
    const int fd = path == "-" ? dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, path);
    return LineReader(fd, path == "-" ? "standard input" : path);
}

LineReader::LineReader(int fd, std::string path) : fd_(fd), path_(std::move(path)) {
    buffer_.resize(kBufferOctets);
}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      end_(other.end_),
      number_(other.number_),
      skipping_(other.skipping_),
      status_(std::move(other.status_)) {}

LineReader::~LineReader() {
    if (fd_ >= 0) ::close(fd_);
}

bool LineReader::fill() {
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    for (;;) {
        const ssize_t got = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
        if (got > 0) {
            end_ += static_cast<std::size_t>(got);
            return true;
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status_ = system_error(errno, path_);
        return false;
    }
}

bool LineReader::next(std::string_view& line, bool& too_long) {
    for (;;) {
        const char* const data = buffer_.data();
        const void* const found = std::memchr(data + begin_, '\n', end_ - begin_);
        std::size_t octets = end_ - begin_;
        if (found != nullptr) {
            octets = static_cast<std::size_t>(static_cast<const char*>(found) - (data + begin_));
        } else if (octets <= limits::recipient_line_octets_max && fill()) {
            continue;
        } else if (!status_ || octets == 0) {
            return false;
        }
        const std::size_t at = begin_;
        begin_ += octets + (found != nullptr ? 1 : 0);
        // A rest without LF is the end of the file, unless the line is longer than the buffer is meant for.
        const bool goes_on = found == nullptr && octets > limits::recipient_line_octets_max;
        if (std::exchange(skipping_, goes_on) && (goes_on || found != nullptr || octets > 0)) continue;
        ++number_;
        too_long = octets > limits::recipient_line_octets_max;
        line = std::string_view(data + at, too_long ? limits::recipient_line_octets_max : octets);
        return true;
    }
}

}  // namespace ringmx::recipients
