// Storage as the configuration wants it: opened once for the server, then one host for each core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "admin/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "ring/ring.hpp"
#include "storage/host.hpp"

namespace ringmx::server {

// A core's storage. If the backend runs on the core, it is the core's to close, after its host is gone.
struct CoreStorage {
    std::unique_ptr<storage::Backend> backend;  // null behind a worker
    std::unique_ptr<storage::Host> host;
};

class StorageSetup {
 public:
    virtual ~StorageSetup() = default;

    // Opens and locks what is shared, recovers what an earlier run left, starts the workers. Blocks. Errors
    // carry start_error codes.
    static Result<std::unique_ptr<StorageSetup>> open(const config::Config& config, unsigned cores,
                                                      admin::Log& log);

    // On the thread of core `core`, with its ring and its sink, at most once for each core.
    virtual Result<CoreStorage> make_host(unsigned core, ring::Ring& ring, storage::StoreSink& sink) = 0;
    // After every core has released its storage: ends the workers, unlocks.
    virtual void stop() = 0;
    virtual bool behind_workers() const = 0;
    // The backend as it was opened: a plugin says only then what it gives.
    virtual std::string_view name() const = 0;
    virtual storage::Durability durability() const = 0;
    // One JSON object with the counters that belong to no core. Any thread, until stop().
    virtual std::string status_json() const = 0;
};

}  // namespace ringmx::server
