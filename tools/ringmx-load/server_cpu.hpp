// CPU time of the server under load: of all threads of given processes, or of a control group.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace ringmx::load {

class ServerCpu {
 public:
    // Neither processes nor a group: watches nothing.
    ServerCpu(std::vector<int> pids, std::string cgroup)
        : pids_(std::move(pids)), cgroup_(std::move(cgroup)) {}

    bool watches() const { return !pids_.empty() || !cgroup_.empty(); }
    // Nanoseconds so far. Processes: the larger of the sum of /proc/PID/task/*/schedstat and the process's
    // CPU clock, which also knows threads that have ended. Group: usage_usec of its cpu.stat. An Error when
    // one cannot be read (any more).
    Result<std::int64_t> read_ns() const;

 private:
    std::vector<int> pids_;
    std::string cgroup_;
};

}  // namespace ringmx::load
