// A buffered writer to a file descriptor. The first error is kept and ends all further writing, so that a
// caller may write a whole message and ask once.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ringmx::ctl {

class Output {
 public:
    // Does not own `fd`. `name` is for error messages.
    Output(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    // False once anything has failed.
    bool write(std::string_view text);
    bool write(Bytes bytes) { return write(as_text(bytes)); }
    bool flush();
    // Octets taken so far, written or still in the buffer.
    std::uint64_t octets() const { return octets_; }
    // The file was cut back to `octets`, with nothing left in the buffer.
    void rewind_to(std::uint64_t octets) { octets_ = octets; }

    bool ok() const { return error_ == 0; }
    Status status() const;  // an Error with errno if something has failed

 private:
    bool write_through(std::string_view text);

    int fd_;
    std::string name_;
    std::string buffer_;
    std::uint64_t octets_ = 0;
    int error_ = 0;
};

}  // namespace ringmx::ctl
