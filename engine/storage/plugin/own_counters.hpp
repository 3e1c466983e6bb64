// The counters that a plugin makes for itself: few, named in its open(), then only added to. Adding and
// reading take no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.hpp"
#include "ringmx/backend.h"

// What the plugin's pointers point to.
struct ringmx_counter {
    std::atomic<std::uint64_t> value{0};
    std::array<char, ringmx::limits::plugin_counter_name_octets_max + 1> name{};
};

namespace ringmx::storage::plugin {

class OwnCounters {
 public:
    // Any thread. Null: the name is not one of letters, digits and underscores, or it is new and `may_make`
    // is false, or all are used.
    ringmx_counter* find_or_make(std::string_view name, bool may_make);
    static void add(ringmx_counter* counter, std::uint64_t n) {
        if (counter != nullptr) counter->value.fetch_add(n, std::memory_order_relaxed);
    }
    std::vector<std::pair<std::string, std::uint64_t>> values() const;

 private:
    std::mutex making_;
    std::atomic<std::uint32_t> count_{0};  // those in front of it do not move and keep their names
    std::array<ringmx_counter, limits::plugin_counters_max> counters_;
};

}  // namespace ringmx::storage::plugin
