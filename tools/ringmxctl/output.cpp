#include "output.hpp"

#include <cerrno>

#include <unistd.h>

namespace ringmx::ctl {

namespace {
constexpr std::size_t kBufferBytes = 256u << 10;
}  // namespace

bool Output::write(std::string_view text) {
    octets_ += text.size();
    if (buffer_.size() + text.size() <= kBufferBytes) {
        if (ok()) buffer_ += text;
        return ok();
    }
    return flush() && (text.size() > kBufferBytes ? write_through(text) : (buffer_ += text, true));
}

bool Output::flush() {
    const bool done = write_through(buffer_);
    buffer_.clear();
    return done;
}

bool Output::write_through(std::string_view text) {
    while (ok() && !text.empty()) {
        const ssize_t written = ::write(fd_, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            error_ = errno;
        } else {
            text.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    return ok();
}

Status Output::status() const {
    if (ok()) return ok_status();
    return system_error(error_, name_);
}

}  // namespace ringmx::ctl
