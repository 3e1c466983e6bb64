#include "storage/plugin/host_side.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace ringmx::storage::plugin {
namespace {

// The functions get a pointer to const: to a plugin the host is constant.
HostSide& side(const ringmx_host* host) {
    return *const_cast<HostSide*>(static_cast<const HostSide*>(host));
}

std::string_view text_of(const char* text, std::size_t octets) {
    return text == nullptr ? std::string_view{} : std::string_view(text, octets);
}

void complete(const ringmx_host* host, std::uint64_t token, ringmx_status status, const char* text,
              std::size_t octets) {
    side(host).with_target(
        [&](HostTarget& target) { target.complete(token, number_of(status), text_of(text, octets)); });
}

void log(const ringmx_host* host, ringmx_log_level level, const char* text, std::size_t octets) {
    side(host).with_target([&](HostTarget& target) { target.log(number_of(level), text_of(text, octets)); });
}

ringmx_counter* counter(const ringmx_host* host, const char* name) {
    ringmx_counter* found = nullptr;
    side(host).with_target(
        [&](HostTarget& target) { found = name == nullptr ? nullptr : target.counter(name); });
    return found;
}

void count(const ringmx_host* host, ringmx_counter* counter, std::uint64_t add) {
    side(host).with_target([&](HostTarget& target) { target.count(counter, add); });
}

std::int64_t monotonic_ns(const ringmx_host*) {
    return read_clock().mono_ns;
}

std::int64_t wall_us(const ringmx_host*) {
    return read_clock().wall_us;
}

void* allocate(const ringmx_host* host, std::size_t octets) {
    void* memory = nullptr;
    side(host).with_target([&](HostTarget& target) { memory = target.allocate(octets); });
    if (memory == nullptr) {
        std::fputs("ringmx: a storage backend asked for memory, and there is none\n", stderr);
        std::abort();
    }
    return memory;
}

}  // namespace

HostSide::HostSide(HostTarget& target) : ringmx_host{}, target_(&target) {
    size = sizeof(ringmx_host);
    abi = RINGMX_BACKEND_ABI;
    ringmx_host::complete = plugin::complete;
    ringmx_host::log = plugin::log;
    ringmx_host::counter = plugin::counter;
    ringmx_host::count = plugin::count;
    ringmx_host::monotonic_ns = plugin::monotonic_ns;
    ringmx_host::wall_us = plugin::wall_us;
    ringmx_host::allocate = plugin::allocate;
}

HostSide* HostSide::make(HostTarget& target) {
    // Reachable for ever, as the pointers in plugins may be.
    static std::mutex mutex;
    static auto* const all = new std::vector<std::unique_ptr<HostSide>>;
    const std::lock_guard lock(mutex);
    all->emplace_back(new HostSide(target));
    return all->back().get();
}

void HostSide::detach() {
    target_.store(nullptr);
    while (inside_.load() != 0)
        std::this_thread::yield();
}

}  // namespace ringmx::storage::plugin
