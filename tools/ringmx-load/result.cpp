#include "result.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ringmx::load {
namespace {

constexpr double kBusyMax = 0.95;
constexpr double kQueuedMax = 0.20;

double share(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

double RunResult::generator_busy() const {
    double most = 0;
    for (const ThreadTime& thread : threads)
        most = std::max(most, share(thread.cpu_ns, thread.wall_ns));
    return most;
}

double RunResult::generator_queued() const {
    double most = 0;
    for (const ThreadTime& thread : threads)
        most = std::max(most, share(thread.queued_ns, thread.wall_ns));
    return most;
}

double RunResult::generator_cpu_us() const {
    std::int64_t sum = 0;
    for (const ThreadTime& thread : threads)
        sum += thread.cpu_ns;
    return counters.in_window > 0 ? static_cast<double>(sum) / 1e3 / static_cast<double>(counters.in_window)
                                  : 0;
}

std::optional<double> RunResult::server_cpu_us() const {
    if (!server_cpu_s || counters.since_measure == 0) return std::nullopt;
    return *server_cpu_s * 1e6 / static_cast<double>(counters.since_measure);
}

std::uint64_t RunResult::tls_failures() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kFailures; ++i) {
        if (is_of_tls(static_cast<Failure>(i))) sum += counters.failures[i];
    }
    return sum;
}

bool RunResult::all_acknowledged() const {
    return error.empty() && counters.acknowledged == counters.attempted && counters.never_sent == 0 &&
           counters.failures_in_all() == 0;
}

void add_warnings(RunResult& result) {
    const auto add = [&result](std::string text) { result.remarks.push_back(std::move(text)); };
    if (result.generator_busy() > kBusyMax) {
        add(fmt::format(
            "the generator was the bottleneck: its busiest thread was on a CPU for {:.0f} % of the "
            "time; messages/s is its limit, not the server's (try --threads)",
            100 * result.generator_busy()));
    }
    if (result.generator_queued() > kQueuedMax) {
        add(fmt::format(
            "the generator waited for a CPU for {:.0f} % of the time: other processes had it, the "
            "server perhaps; that wait is part of the latencies",
            100 * result.generator_queued()));
    }
    const Counters& counters = result.counters;
    if (counters.never_sent > 0) {
        add(fmt::format(
            "{} messages were due and never sent, because no connection was free; their age at the "
            "end is in the latencies of `message`: the rate is more than these connections or this "
            "server can take",
            counters.never_sent));
    }
    if (counters.unfinished > 0) {
        add(
            fmt::format("{} messages had no answer when the drain was over; their age at the end is in the "
                        "latencies of `message`",
                        counters.unfinished));
    }
    if (counters.failures[static_cast<std::size_t>(Failure::no_port)] > 0) {
        add("source ports ran out: use --sources, or fewer connections");
    }
}

}  // namespace ringmx::load
