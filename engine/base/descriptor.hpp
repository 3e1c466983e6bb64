// A file descriptor that is closed with its owner; -1: none.
#pragma once

#include <unistd.h>

namespace ringmx {

class Descriptor {
 public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

 private:
    const int fd_;
};

}  // namespace ringmx
