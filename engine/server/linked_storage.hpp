// Storage that the program brings along instead of naming it in the configuration: a backend as plugins
// describe theirs (ringmx/backend.h), linked instead of loaded, and hosted as they are, on storage workers.
#pragma once

#include <memory>
#include <optional>

#include "admin/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "ringmx/backend.h"
#include "server/storage_setup.hpp"
#include "storage/plugin/instance.hpp"

namespace ringmx::server {

struct LinkedBackend {
    const ringmx_backend* backend = nullptr;  // stays until the process ends
    storage::plugin::OptionList options{};    // for each instance
};

// Opens an instance on each of storage.workers workers. Blocks. Checks storage.durability. `log` lives until
// stop().
Result<std::unique_ptr<StorageSetup>> open_linked_storage(const config::Config& config,
                                                          const LinkedBackend& linked, admin::Log& log);

}  // namespace ringmx::server
