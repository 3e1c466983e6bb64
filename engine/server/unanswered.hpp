// The messages whose commit storage has not answered, oldest first: a list through the messages themselves.
// One thread.
#pragma once

#include <cstdint>

#include "message/message.hpp"

namespace ringmx::server {

class Unanswered {
 public:
    // The message goes to storage to be kept; its submitted_ns is set.
    void add(Message& message);
    // Storage has answered it. One that was never added (an aborted transaction) is ignored.
    void remove(Message& message);
    // How long the oldest has waited, in ns; 0 if there is none.
    std::int64_t oldest_age_ns(std::int64_t now_ns) const;

 private:
    Message* oldest_ = nullptr;
    Message* newest_ = nullptr;
};

}  // namespace ringmx::server
