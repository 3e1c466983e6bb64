// A file descriptor that is closed with its owner. Negative: none; it may then be an error, as -errno.
#pragma once

#include <utility>

#include <unistd.h>

namespace ringmx {

class Descriptor {
 public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }  // it is the caller's from here on

 private:
    int fd_;
};

}  // namespace ringmx
