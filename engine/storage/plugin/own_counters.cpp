#include "storage/plugin/own_counters.hpp"

#include <algorithm>

namespace ringmx::storage::plugin {
namespace {

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= limits::plugin_counter_name_octets_max &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
           });
}

}  // namespace

ringmx_counter* OwnCounters::find_or_make(std::string_view name, bool may_make) {
    if (!is_name(name)) return nullptr;
    const std::lock_guard lock(making_);
    const std::uint32_t count = count_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (name == counters_[i].name.data()) return &counters_[i];
    }
    if (!may_make || count == counters_.size()) return nullptr;
    std::copy(name.begin(), name.end(), counters_[count].name.begin());
    count_.store(count + 1, std::memory_order_release);
    return &counters_[count];
}

std::vector<std::pair<std::string, std::uint64_t>> OwnCounters::values() const {
    std::vector<std::pair<std::string, std::uint64_t>> list;
    const std::uint32_t count = count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i)
        list.emplace_back(counters_[i].name.data(), counters_[i].value.load(std::memory_order_relaxed));
    return list;
}

}  // namespace ringmx::storage::plugin
