// The instances of one plugin, added up for whoever shows their counters. An instance that goes leaves its
// counts here, so that totals never fall.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "storage/plugin/instance.hpp"

namespace ringmx::storage::plugin {

// Any thread.
class Totals {
 public:
    using OwnValues = std::vector<std::pair<std::string, std::uint64_t>>;

    void add(const Instance& instance);
    void remove(const Instance& instance);  // before it is destroyed

    InstanceCounters counters() const;
    // The plugin's own, each summed over the instances that have it.
    OwnValues own() const;

 private:
    mutable std::mutex mutex_;
    std::vector<const Instance*> instances_;
    InstanceCounters gone_;
    OwnValues gone_own_;
};

}  // namespace ringmx::storage::plugin
