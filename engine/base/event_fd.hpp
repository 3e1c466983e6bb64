// An eventfd that is closed with its owner.
#pragma once

#include <sys/eventfd.h>

#include "base/descriptor.hpp"

namespace ringmx {

class EventFd {
 public:
    EventFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

    int get() const { return fd_.get(); }  // -1: no descriptor was to be had
    void signal() const { eventfd_write(fd_.get(), 1); }
    void drain() const {
        eventfd_t value = 0;
        eventfd_read(fd_.get(), &value);
    }

 private:
    const Descriptor fd_;  // others refer to the object: it stays where it is
};

}  // namespace ringmx
