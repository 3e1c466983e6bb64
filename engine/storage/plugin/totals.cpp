#include "storage/plugin/totals.hpp"

#include <algorithm>

namespace ringmx::storage::plugin {
namespace {

void join(InstanceCounters& sum, const InstanceCounters& one) {
    sum.submitted += one.submitted;
    sum.stored += one.stored;
    sum.retried += one.retried;
    sum.rejected += one.rejected;
    sum.in_flight += one.in_flight;
    sum.false_completions += one.false_completions;
}

void join(Totals::OwnValues& sum, const Totals::OwnValues& one) {
    for (const auto& [name, value] : one) {
        const auto same = [&wanted = name](const auto& entry) { return entry.first == wanted; };
        const auto found = std::find_if(sum.begin(), sum.end(), same);
        if (found == sum.end()) {
            sum.emplace_back(name, value);
        } else {
            found->second += value;
        }
    }
}

}  // namespace

void Totals::add(const Instance& instance) {
    const std::lock_guard lock(mutex_);
    instances_.push_back(&instance);
}

void Totals::remove(const Instance& instance) {
    const std::lock_guard lock(mutex_);
    InstanceCounters last = instance.counters();
    last.in_flight = 0;
    join(gone_, last);
    join(gone_own_, instance.plugin_counters());
    instances_.erase(std::remove(instances_.begin(), instances_.end(), &instance), instances_.end());
}

InstanceCounters Totals::counters() const {
    const std::lock_guard lock(mutex_);
    InstanceCounters sum = gone_;
    for (const Instance* instance : instances_)
        join(sum, instance->counters());
    return sum;
}

Totals::OwnValues Totals::own() const {
    const std::lock_guard lock(mutex_);
    OwnValues sum = gone_own_;
    for (const Instance* instance : instances_)
        join(sum, instance->plugin_counters());
    return sum;
}

}  // namespace ringmx::storage::plugin
