// Why a kernel refuses io_uring, as a sentence that says what to change.
#pragma once

#include "base/result.hpp"

namespace ringmx::ring {

// `code` is the positive errno of io_uring_setup(2).
Error refusal(int code);

}  // namespace ringmx::ring
