// A plugin as a storage backend: one instance on a storage worker's thread. For a worker only, because nobody
// knows how long a plugin takes in submit().
//
// Messages are handed over whole, in place: the plugin reads the chunks into which they were received. What
// the instance does not take yet (in_flight_max) waits here, in order. Completions come from any thread and
// wake the worker through an eventfd that it polls with its ring.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "ring/ring.hpp"
#include "storage/backend.hpp"
#include "storage/plugin/instance.hpp"
#include "storage/plugin/totals.hpp"

namespace ringmx::storage::plugin {

struct PluginOptions {
    OptionList options{};
    std::shared_ptr<Services> services{};  // what a plugin's threads may use is held as long as they may
    std::shared_ptr<Totals> totals{};      // or null
    std::uint32_t in_flight_max = limits::plugin_in_flight_max;
};

// On the worker's thread; blocks while the plugin opens. `backend` was checked by load().
Result<std::unique_ptr<Backend>> open_plugin(const ringmx_backend& backend, PluginOptions options,
                                             ring::Ring& ring, StoreSink& sink);

}  // namespace ringmx::storage::plugin
