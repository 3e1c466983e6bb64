#include "server_cpu.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace ringmx::load {
namespace {

std::int64_t threads_ns(int pid) {
    std::int64_t sum = 0;
    std::error_code error;
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (std::filesystem::directory_iterator at(tasks, error), end; !error && at != end;
         at.increment(error)) {
        std::int64_t ns = 0;
        if (std::ifstream(at->path() / "schedstat") >> ns) sum += ns;
    }
    return sum;
}

Result<std::int64_t> process_ns(int pid) {
    clockid_t clock = 0;
    timespec time{};
    int error = clock_getcpuclockid(pid, &clock);
    if (error == 0 && clock_gettime(clock, &time) != 0) error = errno;
    if (error != 0) return system_error(error, "the CPU time of process " + std::to_string(pid));
    return std::max(std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec, threads_ns(pid));
}

Result<std::int64_t> group_ns(const std::string& folder) {
    std::ifstream file(folder + "/cpu.stat");
    std::string key;
    std::int64_t value = 0;
    while (file >> key >> value) {
        if (key == "usage_usec") return value * 1000;
    }
    return Error{ENOENT, folder + "/cpu.stat has no usage_usec: not a control group (version 2)"};
}

}  // namespace

Result<std::int64_t> ServerCpu::read_ns() const {
    std::int64_t sum = 0;
    for (const int pid : pids_) {
        const auto ns = process_ns(pid);
        if (!ns) return ns;
        sum += *ns;
    }
    if (!cgroup_.empty()) {
        const auto ns = group_ns(cgroup_);
        if (!ns) return ns;
        sum += *ns;
    }
    return sum;
}

}  // namespace ringmx::load
