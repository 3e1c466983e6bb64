// One whole run: probe, plan, threads, progress, result.
#include "load.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "probe.hpp"
#include "result.hpp"
#include "run.hpp"
#include "server_cpu.hpp"
#include "worker.hpp"

namespace ringmx::load {
namespace {

constexpr std::int64_t kStartInNs = 20 * kNsPerMs;  // all threads have seen the gate open by then
constexpr std::int64_t kSettleNs = 250 * kNsPerMs;  // before the server's CPU time is read: log lines count
constexpr std::int64_t kProgressNs = 500 * kNsPerMs;
constexpr std::int64_t kReadyLookNs = 2 * kNsPerMs;
constexpr std::int64_t kInterruptLookNs = 100 * kNsPerMs;
constexpr std::int64_t kFarNs = std::int64_t{1} << 62;

std::atomic<int> interrupts{0};

void on_interrupt(int) {
    if (interrupts.fetch_add(1) > 0) _exit(130);  // the second time, at once
}

void sleep_ns(std::int64_t ns) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(ns));
}

void raise_file_limit() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

// What each connection is for: shares as exact as whole numbers allow, in random places.
std::vector<Kind> kinds_of(const Options& options) {
    std::vector<Kind> kinds;
    for (std::size_t kind = 1; kind < kKinds; ++kind) {
        const double exact = options.share[kind] * options.connections;
        auto count = static_cast<std::size_t>(exact + 0.5);
        if (exact > 0 && count == 0) count = 1;
        kinds.insert(kinds.end(), count, static_cast<Kind>(kind));
    }
    kinds.resize(options.connections, Kind::normal);
    std::mt19937_64 random(options.seed);
    std::shuffle(kinds.begin(), kinds.end(), random);
    return kinds;
}

std::uint32_t cpus_allowed() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<std::uint32_t>(std::max(CPU_COUNT(&set), 1));
}

class Run {
 public:
    Run(const Options& options, const Plan& plan, AckWriter* acks)
        : options_(options), shared_(options, plan, run_id()), cpu_(options.pids, options.cgroup) {
        shared_.acks = acks;
        const std::vector<Kind> kinds = kinds_of(options);
        for (std::uint32_t number = 0; number < options.threads; ++number) {
            std::vector<Kind> part;
            for (std::size_t i = number; i < kinds.size(); i += options.threads)
                part.push_back(kinds[i]);
            workers_.push_back(std::make_unique<Worker>(shared_, number, options.threads, std::move(part)));
        }
    }
    RunResult run();

 private:
    static std::uint64_t run_id() {
        std::uint64_t id = 0;
        if (getrandom(&id, sizeof id, 0) != sizeof id) id = static_cast<std::uint64_t>(monotonic_ns());
        return id;
    }
    void start_threads();
    void open_gate();
    void watch();
    void show_progress();
    void watch_cpu();
    RunResult collect();

    const Options& options_;
    Shared shared_;
    ServerCpu cpu_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    std::int64_t cpu_before_ns_ = -1;
    std::int64_t cpu_after_ns_ = -1;
    std::string cpu_error_;
    std::uint64_t shown_ = 0;  // acknowledged at the last progress line
    std::int64_t shown_ns_ = 0;
    bool progress_ = false;
};

void Run::start_threads() {
    for (std::uint32_t number = 0; number < workers_.size(); ++number) {
        threads_.emplace_back([this, number] {
            if (!options_.cpus.empty()) {
                cpu_set_t set;
                CPU_ZERO(&set);
                CPU_SET(options_.cpus[number % options_.cpus.size()], &set);
                sched_setaffinity(0, sizeof set, &set);
            }
            workers_[number]->run();
        });
    }
}

// Waits until every thread has its connections, then sets the times and lets them go.
void Run::open_gate() {
    while (shared_.ready.load() + shared_.ended.load() < workers_.size() && !shared_.stop.load()) {
        if (interrupts.load() > 0) shared_.give_up("interrupted before the load began");
        sleep_ns(kReadyLookNs);
    }
    Times& times = shared_.times;
    times.start_ns = monotonic_ns() + kStartInNs;
    times.measure_ns =
        times.start_ns + static_cast<std::int64_t>((options_.ramp_s + options_.warmup_s) * 1e9);
    times.end_ns = options_.duration_s > 0
                       ? times.measure_ns + static_cast<std::int64_t>(options_.duration_s * 1e9)
                       : kFarNs;
    shown_ns_ = times.start_ns;
    shared_.go.store(true, std::memory_order_release);
}

void Run::watch_cpu() {
    if (!cpu_.watches()) return;
    const auto ns = cpu_.read_ns();
    if (!ns) {
        cpu_error_ = ns.error().message;
        return;
    }
    (cpu_before_ns_ < 0 ? cpu_before_ns_ : cpu_after_ns_) = *ns;
}

void Run::show_progress() {
    std::uint64_t acknowledged = 0;
    std::uint64_t not_acknowledged = 0;
    std::uint64_t failures = 0;
    std::uint32_t busy = 0;
    for (const auto& worker : workers_) {
        acknowledged += worker->live().acknowledged.load(std::memory_order_relaxed);
        not_acknowledged += worker->live().not_acknowledged.load(std::memory_order_relaxed);
        failures += worker->live().failures.load(std::memory_order_relaxed);
        busy += worker->live().busy.load(std::memory_order_relaxed);
    }
    const std::int64_t now_ns = monotonic_ns();
    const double seconds = static_cast<double>(now_ns - shown_ns_) / 1e9;
    if (seconds <= 0) return;
    const double rate = static_cast<double>(acknowledged - shown_) / seconds;
    const Times& times = shared_.times;
    std::string time = fmt::format("{:.1f}", static_cast<double>(now_ns - times.start_ns) / 1e9);
    if (times.end_ns < kFarNs) {
        time += fmt::format(" of {:.1f}", static_cast<double>(times.end_ns - times.start_ns) / 1e9);
    }
    std::string part = now_ns < times.measure_ns ? " warm-up" : "";
    if (options_.messages > 0) {
        part += fmt::format(" {:.0f} %", 100.0 * static_cast<double>(acknowledged + not_acknowledged) /
                                             static_cast<double>(options_.messages));
    }
    std::fputs(
        fmt::format("\r\033[K{} s{}  {} acknowledged  {:.0f}/s  {} under way  {} not acknowledged  {} errors",
                    time, part, acknowledged, rate, busy, not_acknowledged, failures)
            .c_str(),
        stderr);
    std::fflush(stderr);
    shown_ = acknowledged;
    shown_ns_ = now_ns;
    progress_ = true;
}

void Run::watch() {
    const bool terminal = !options_.quiet && isatty(STDERR_FILENO) == 1;
    std::int64_t show_ns = shared_.times.start_ns + kProgressNs;
    if (shared_.times.measure_ns == shared_.times.start_ns) watch_cpu();
    for (bool over = false; !over;) {
        const std::int64_t now_ns = monotonic_ns();
        if (interrupts.load() > 0) shared_.stop.store(true);
        if (cpu_before_ns_ < 0 && cpu_error_.empty() && now_ns >= shared_.times.measure_ns) watch_cpu();
        if (terminal && now_ns >= show_ns) {
            show_progress();
            show_ns = now_ns + kProgressNs;
        }
        const bool before_window = now_ns < shared_.times.measure_ns;
        const std::int64_t wait_ns = before_window ? shared_.times.measure_ns - now_ns : kInterruptLookNs;
        over = shared_.wait_for_end(workers_.size(), std::min(wait_ns, kInterruptLookNs));
    }
    if (cpu_.watches() && cpu_before_ns_ >= 0) {
        sleep_ns(kSettleNs);
        watch_cpu();
    }
    if (progress_) std::fputs("\r\033[K", stderr);
}

RunResult Run::collect() {
    RunResult result;
    std::int64_t end_ns = 0;
    std::string tls_error;
    for (const auto& worker : workers_) {
        result.counters.merge(worker->counters());
        result.phases.merge(worker->phases());
        result.threads.push_back(worker->used());
        result.enters += worker->enters();
        if (result.tls_parameters.empty()) result.tls_parameters = worker->tls_parameters();
        if (tls_error.empty()) tls_error = worker->tls_error();
        end_ns = std::max(end_ns, worker->window_end_ns());
    }
    result.seconds = shared_.series.seconds();
    // The last second is as long as the load was; an empty one at the end is none.
    while (!result.seconds.empty() && result.seconds.back().acknowledged == 0 &&
           result.seconds.back().not_acknowledged == 0 && result.seconds.back().failures == 0) {
        result.seconds.pop_back();
    }
    result.load_start_s = options_.ramp_s + options_.warmup_s;
    result.window_s = std::max(0.0, static_cast<double>(end_ns - shared_.times.measure_ns) / 1e9);
    if (cpu_before_ns_ >= 0 && cpu_after_ns_ >= 0) {
        result.server_cpu_s = static_cast<double>(cpu_after_ns_ - cpu_before_ns_) / 1e9;
    }
    if (!cpu_error_.empty()) result.remarks.push_back("no CPU time of the server: " + cpu_error_);
    if (interrupts.load() > 0) result.remarks.emplace_back("interrupted: the figures are of the part before");
    if (!tls_error.empty())
        result.remarks.push_back("TLS failed with the server; the first time, " + tls_error);
    result.error = shared_.error;
    return result;
}

RunResult Run::run() {
    start_threads();
    open_gate();
    watch();
    for (std::thread& thread : threads_)
        thread.join();
    return collect();
}

bool write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (file) return true;
    complain(system_error(errno, path).message);
    return false;
}

bool write_reports(const Options& options, const RunResult& result) {
    bool good = true;
    if (!options.quiet) std::fputs(text_report(options, result).c_str(), stdout);
    if (!options.json.empty()) good = write_file(options.json, json_report(options, result)) && good;
    if (!options.csv.empty()) good = write_file(options.csv, csv_report(result)) && good;
    if (!options.report.empty()) good = write_file(options.report, html_report(options, result)) && good;
    return good;
}

std::string mode_text(const Plan& plan) {
    if (plan.bdat) return plan.pipelined ? "bdat" : "bdat, one command at a time";
    return plan.pipelined ? "pipelined" : "one command at a time";
}

}  // namespace

void complain(const std::string& message) {
    std::fprintf(stderr, "ringmx-load: %s\n", message.c_str());
}

ExitCode run_load(Options options, const std::string& command) {
    raise_file_limit();
    const auto server = probe_server(options, std::min(options.timeout_s, 60.0));
    if (!server) {
        complain(server.error().message);
        return ExitCode::failed;
    }
    auto plan = make_plan(options, *server);
    if (!plan) {
        complain(plan.error().message);
        return ExitCode::failed;
    }
    for (const std::string& remark : plan->remarks)
        complain(remark);
    if (options.threads == 0) options.threads = std::max(1u, cpus_allowed() / 2);
    options.threads = std::min(options.threads, options.connections);
    std::unique_ptr<AckWriter> acks;
    if (!options.acks.empty()) {
        auto created = AckWriter::create(options.acks);
        if (!created) {
            complain(created.error().message);
            return ExitCode::failed;
        }
        acks = std::move(*created);
    }
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    const std::int64_t started_unix_s = std::time(nullptr);

    RunResult result = Run(options, *plan, acks.get()).run();
    result.server = server->banner;
    result.command = command;
    result.mode = mode_text(*plan);
    result.started_unix_s = started_unix_s;
    result.remarks.insert(result.remarks.begin(), plan->remarks.begin(), plan->remarks.end());
    add_warnings(result);
    bool good = write_reports(options, result);
    if (!result.error.empty()) complain(result.error);
    if (acks) {
        if (const Status closed = acks->close(); !closed) {
            complain(closed.error().message);
            good = false;
        }
    }
    if (!good || !result.error.empty()) return ExitCode::failed;
    return result.all_acknowledged() ? ExitCode::ok : ExitCode::not_all;
}

}  // namespace ringmx::load
