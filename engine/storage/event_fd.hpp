// An eventfd that is closed with its owner.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

namespace ringmx::storage {

class EventFd {
 public:
    EventFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~EventFd() {
        if (fd_ >= 0) close(fd_);
    }
    EventFd(const EventFd&) = delete;
    EventFd& operator=(const EventFd&) = delete;

    int get() const { return fd_; }  // -1: no descriptor was to be had
    void signal() const { eventfd_write(fd_, 1); }
    void drain() const {
        eventfd_t value = 0;
        eventfd_read(fd_, &value);
    }

 private:
    int fd_;
};

}  // namespace ringmx::storage
