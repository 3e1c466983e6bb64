// The host that runs a backend on the core's own thread and ring.
#pragma once

#include <cstdint>
#include <memory>

#include "base/limits.hpp"
#include "storage/host.hpp"

namespace ringmx::storage {

// `backend` was made with the core's sink (and ring), is not blocking, and outlives the host; whoever made it
// closes it. Requests are gathered and given to the backend in flush(); its reports reach the sink in flush()
// and tick(), and while the core reaps its ring. `queue_entries` bounds the requests outstanding.
std::unique_ptr<Host> make_core_host(Backend& backend,
                                     std::uint32_t queue_entries = limits::store_queue_entries);

}  // namespace ringmx::storage
