// The single experiments of probe_kernel(), each on throw-away rings and sockets. None throws, none outlives
// its call, none waits longer than kProbeWaitMs for what a kernel without the feature never delivers.
#pragma once

#include <liburing.h>

namespace ringmx::ring::steps {

constexpr int kProbeWaitMs = 200;

int set_up(unsigned flags);  // 0, or the errno of io_uring_setup
bool multishot_receive();    // two messages arrive as two completions of one request, in provided buffers
bool receive_limit();        // a multishot receive ends when it has brought as many octets as it was told
bool direct_accept();        // accept allocates a direct descriptor that can then be read from
bool message_ring();         // a message wakes a thread that waits in its own ring
bool min_wait();             // a wait for two ends with one when the minimum wait is over
bool no_iowait();            // io_uring_enter takes the flag

}  // namespace ringmx::ring::steps
