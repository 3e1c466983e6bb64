#include "admin/log.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/signal_mask.hpp"

namespace ringmx::admin {

namespace {

constexpr std::size_t kBatchBytes = 256u << 10;    // one write, near enough
constexpr std::size_t kEventsBytesMax = 1u << 20;  // lines of event() that may wait for a slow output
constexpr std::size_t kRecordsPerVisit = 1024;     // of one core, before the next one's turn
constexpr int kOutputPollMs = 50;    // looks whether the log is to end, while the output is full
constexpr int kOutputWaitMs = 2000;  // for an output that takes nothing, once the log is to end

Result<int> open_output(const std::string& path) {
    if (path.empty()) return STDERR_FILENO;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0) return system_error(errno, "log.path: cannot open " + path);
    return fd;
}

bool is_regular_file(int fd) {
    struct stat about {};
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(const LogOptions& options) {
    auto wake = std::make_unique<EventFd>();
    if (wake->get() < 0) return system_error(errno, "log: eventfd");
    const Result<int> fd = options.sink ? Result<int>(-1) : open_output(options.path);
    if (!fd) return fd.error();
    return std::unique_ptr<Log>(new Log(options, *fd, std::move(wake)));
}

Log::Log(const LogOptions& options, int fd, std::unique_ptr<EventFd> wake)
    : path_(options.path),
      sink_(options.sink),
      interval_ms_(options.interval_ms),
      wake_(std::move(wake)),
      fd_(fd),
      is_file_(is_regular_file(fd)) {
    for (std::uint32_t i = 0; i < options.cores; ++i) {
        cores_.push_back(std::make_unique<CoreLog>(options.filter, options.ring_bytes, wake_.get()));
    }
    thread_ = std::thread([this] { run(); });
}

Log::~Log() {
    stop();
    if (fd_ >= 0 && fd_ != STDERR_FILENO) close(fd_);
}

void Log::event(LogLevel level, std::string_view event, std::string_view text,
                std::initializer_list<LogField> fields) {
    this->event(level, event, text, std::span(fields.begin(), fields.size()));
}

void Log::event(LogLevel level, std::string_view event, std::string_view text,
                std::span<const LogField> fields) {
    const std::int64_t wall_us = read_clock().wall_us;
    const std::lock_guard lock(mutex_);
    if (events_.size() > kEventsBytesMax) return;
    event_format_.append(events_, wall_us, level, event, text, fields);
}

void Log::stop() {
    ending_.store(true);
    wake_->signal();
    if (thread_.joinable()) thread_.join();
}

std::uint64_t Log::records_dropped() const {
    std::uint64_t sum = 0;
    for (const auto& core : cores_)
        sum += core->dropped();
    return sum;
}

void Log::run() {
    block_asynchronous_signals();
    pthread_setname_np(pthread_self(), "ringmx-log");
    for (bool ending = false; !ending;) {
        wait();
        ending = ending_.load();  // what came before it is collected yet
        reopen_if_wanted();
        collect();
    }
}

void Log::wait() const {
    pollfd wake{wake_->get(), POLLIN, 0};
    poll(&wake, 1, interval_ms_);
    wake_->drain();
}

// The process's events stand behind what the cores wrote before them, so that "stop" is the last line.
void Log::collect() {
    std::string events;
    {
        const std::lock_guard lock(mutex_);
        events.swap(events_);
    }
    for (std::uint32_t i = 0; i < cores_.size(); ++i)
        collect_core(i);
    report_dropped();
    batch_ += events;
    flush();
}

// Until the core's ring is empty; a core that writes without end is cut off by one ring's worth of records.
void Log::collect_core(std::uint32_t index) {
    constexpr std::size_t visits_max = limits::log_ring_bytes / kRecordsPerVisit;
    for (std::size_t visit = 0; visit < visits_max; ++visit) {
        const std::size_t records = cores_[index]->drain(kRecordsPerVisit, [this](Bytes bytes) {
            std::visit([this](const auto& record) { format_.append(batch_, record); }, decode(bytes));
        });
        if (batch_.size() >= kBatchBytes) flush();
        if (records < kRecordsPerVisit) return;
    }
}

void Log::report_dropped() {
    const std::uint64_t dropped = records_dropped() + lines_lost();
    if (dropped == dropped_reported_) return;
    const std::string count = std::to_string(dropped - dropped_reported_);
    dropped_reported_ = dropped;
    const LogField field{"records", count};
    format_.append(batch_, read_clock().wall_us, LogLevel::warning, "log_records_dropped",
                   "the log could not keep up; counters are complete", {&field, 1});
}

void Log::reopen_if_wanted() {
    if (!reopen_wanted_.exchange(false, std::memory_order_relaxed) || path_.empty() || sink_) return;
    const Result<int> fd = open_output(path_);
    if (!fd) {
        format_.append(batch_, read_clock().wall_us, LogLevel::error, "log_reopen_failed", fd.error().message,
                       {});
        return;
    }
    close(fd_);
    fd_ = *fd;
    is_file_ = is_regular_file(fd_);
    line_torn_ = false;
}

// A batch is whole lines.
void Log::pass_on() {
    for (std::string_view rest = batch_; !rest.empty();) {
        const std::size_t lf = rest.find('\n');
        sink_(rest.substr(0, lf));
        rest.remove_prefix(std::min(lf, rest.size() - 1) + 1);
    }
    batch_.clear();
}

// Waits for a pipe that is full, since a write to it would block for as long as its reader likes, and with it
// the end of the server. A file never blocks in this way. False: the log is to end, and nothing moves.
bool Log::output_takes_more() const {
    if (is_file_) return true;
    for (int waited_ms = 0;;) {
        pollfd output{fd_, POLLOUT, 0};
        if (poll(&output, 1, kOutputPollMs) != 0) return true;  // ready, or an error that write() reports
        if (ending_.load() && (waited_ms += kOutputPollMs) >= kOutputWaitMs) return false;
    }
}

void Log::flush() {
    if (batch_.empty()) return;
    if (sink_) return pass_on();
    if (line_torn_) batch_.insert(0, 1, '\n');
    std::string_view rest = batch_;
    while (!rest.empty() && output_takes_more()) {
        // A pipe that takes anything takes PIPE_BUF octets without blocking.
        const std::size_t most = is_file_ ? rest.size() : std::min<std::size_t>(rest.size(), PIPE_BUF);
        const ssize_t written = write(fd_, rest.data(), most);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (!rest.empty()) {
        const auto lines = static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
        lines_lost_.fetch_add(lines, std::memory_order_relaxed);
        const std::size_t done = batch_.size() - rest.size();
        if (done > 0) line_torn_ = batch_[done - 1] != '\n';
    } else {
        line_torn_ = false;
    }
    batch_.clear();
}

}  // namespace ringmx::admin
