// What may be asked of a ring (io_uring_register_restrictions(3)). Requests on a ring are no system calls, so
// that a filter of system calls does not see them: the ring itself has to refuse what a server never asks
// for, such as connecting, or commands to devices.
#pragma once

#include <liburing.h>

namespace ringmx::ring {

// Of a ring set up with IORING_SETUP_R_DISABLED; enables it. 0 or -errno.
int restrict_and_enable(io_uring& ring);

}  // namespace ringmx::ring
