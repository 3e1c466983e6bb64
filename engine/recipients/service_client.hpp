// What speaks a service's protocol, on the service's thread: it takes questions from the desk as its
// connections allow, and answers them there. Each turn of the thread (lookup_service.cpp) is
//
//     expire()  assign()  wait()  serve()
//
// and between two turns the desk gives up who has waited too long, and shows the answers to their cores.
#pragma once

#include <cstdint>

namespace ringmx::recipients {

class ServiceClient {
 public:
    virtual ~ServiceClient() = default;

    // Gives up what has come to its deadline of the questions and connections under way.
    virtual void expire(std::int64_t now_ns) = 0;
    // Gives questions of the desk to connections, and makes connections, within their limits.
    virtual void assign(std::int64_t now_ns) = 0;
    // True: assign() would begin something if the desk's pause were over.
    virtual bool can_begin() const = 0;
    // When expire() has something to do; INT64_MAX: never, as things are.
    virtual std::int64_t next_deadline_ns() const = 0;
    // Sleeps until `event` is readable, a connection has something to say, or the time is over; for ever
    // if `timeout_ms` is below 0.
    virtual void wait(int event, int timeout_ms) = 0;
    // Goes on with the connections that had something to say.
    virtual void serve(std::int64_t now_ns) = 0;
};

}  // namespace ringmx::recipients
