// The host that the backend driver offers to the instance: completions go into a queue, log lines to standard
// output, counters are kept by name.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ringmx/backend.h"

// The type that a plugin knows by name only.
struct ringmx_counter {
    std::string name;
    std::atomic<std::uint64_t> value{0};
};

namespace driver {

struct Completed {
    std::uint64_t token;
    ringmx_status status;
    std::string text;
};

// Writes a line of fields, separated by tabs, as one piece; tabs and line ends within a field become spaces.
// Any thread.
void print_line(std::initializer_list<std::string> fields);

const char* status_name(ringmx_status status);

class DriverHost {
 public:
    DriverHost();
    const ringmx_host* raw() const { return &raw_.host; }

    // What was completed since the last call; waits up to `wait_at_most` for the first.
    std::vector<Completed> take(std::chrono::milliseconds wait_at_most);
    void print_counters();

 private:
    struct Raw {
        ringmx_host host{};  // first: the functions get its address
        DriverHost* owner = nullptr;
    };
    static DriverHost& of(const ringmx_host* host);

    Raw raw_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<Completed> completed_;
    std::deque<ringmx_counter> counters_;  // stays in place while it grows
    std::vector<std::unique_ptr<char[]>> memory_;
};

}  // namespace driver
