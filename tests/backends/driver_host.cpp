#include "driver_host.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

namespace driver {

void print_line(std::initializer_list<std::string> fields) {
    std::string line;
    for (const std::string& field : fields) {
        if (!line.empty()) line += '\t';
        std::transform(field.begin(), field.end(), std::back_inserter(line),
                       [](char c) { return c == '\t' || c == '\n' || c == '\r' ? ' ' : c; });
    }
    line += '\n';
    static std::mutex output;
    const std::lock_guard lock(output);
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

const char* status_name(ringmx_status status) {
    switch (status) {
        case RINGMX_STORED:
            return "stored";
        case RINGMX_RETRY:
            return "retry";
        case RINGMX_REJECT:
            return "reject";
    }
    return "unknown";
}

DriverHost& DriverHost::of(const ringmx_host* host) {
    return *reinterpret_cast<const Raw*>(host)->owner;
}

DriverHost::DriverHost() {
    raw_.owner = this;
    ringmx_host& host = raw_.host;
    host.size = sizeof(ringmx_host);
    host.abi = RINGMX_BACKEND_ABI;
    host.complete = [](const ringmx_host* self, std::uint64_t token, ringmx_status status, const char* text,
                       std::size_t octets) {
        DriverHost& owner = of(self);
        const std::lock_guard lock(owner.mutex_);
        owner.completed_.push_back({token, status, octets == 0 ? "" : std::string(text, octets)});
        owner.arrived_.notify_one();
    };
    host.log = [](const ringmx_host*, ringmx_log_level level, const char* text, std::size_t octets) {
        static const char* const names[] = {"info", "warning", "error"};
        print_line({"log", names[level], std::string(text, octets)});
    };
    host.counter = [](const ringmx_host* self, const char* name) -> ringmx_counter* {
        DriverHost& owner = of(self);
        for (ringmx_counter& counter : owner.counters_) {
            if (counter.name == name) return &counter;
        }
        if (owner.counters_.size() == 32) return nullptr;
        owner.counters_.emplace_back().name = name;
        return &owner.counters_.back();
    };
    host.count = [](const ringmx_host*, ringmx_counter* counter, std::uint64_t add) {
        counter->value.fetch_add(add, std::memory_order_relaxed);
    };
    host.monotonic_ns = [](const ringmx_host*) -> std::int64_t {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    };
    host.wall_us = [](const ringmx_host*) -> std::int64_t {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    };
    host.allocate = [](const ringmx_host* self, std::size_t octets) -> void* {
        DriverHost& owner = of(self);
        const std::lock_guard lock(owner.mutex_);
        owner.memory_.push_back(std::make_unique<char[]>(octets));
        return owner.memory_.back().get();
    };
}

std::vector<Completed> DriverHost::take(std::chrono::milliseconds wait_at_most) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, wait_at_most, [this] { return !completed_.empty(); });
    return std::exchange(completed_, {});
}

void DriverHost::print_counters() {
    for (const ringmx_counter& counter : counters_)
        print_line({"counter", counter.name, std::to_string(counter.value.load())});
}

}  // namespace driver
