// The server's log: one thread that collects what the cores have written, makes JSON lines of it and appends
// them to a file or to standard error, one write per batch. It looks every 50 ms, and when a core's ring
// fills: a core's write is a copy into its own ring, and now and then a wake-up.
// docs/operations.md describes the lines.
//
// If the output does not take lines as fast as they come, the rings fill and further records are dropped and
// counted; mail is never held up by its log. The lines of one core are in order; lines of different cores may
// be out of order by the interval, and carry their time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "admin/core_log.hpp"
#include "admin/log_format.hpp"
#include "base/event_fd.hpp"
#include "base/result.hpp"

namespace ringmx::admin {

struct LogOptions {
    std::string path;  // empty: standard error
    LogFilter filter = LogFilter::all;
    std::uint32_t cores = 1;
    std::size_t ring_bytes = limits::log_ring_bytes;
    int interval_ms = 50;  // between looks that nothing asked for
    // If set, takes every line (without its LF) in place of the file; called on the log's thread.
    std::function<void(std::string_view)> sink{};
};

class Log {
 public:
    // Opens the file (made with mode 0640) and starts the thread.
    static Result<std::unique_ptr<Log>> open(const LogOptions& options);
    ~Log();  // stop()
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    // The log of one core, for that core's thread alone. Valid as long as this object.
    CoreLog& core(std::uint32_t index) { return *cores_[index]; }

    // An event of the process: start, listening, drain. Any thread that may block for a moment: not a core.
    void event(LogLevel level, std::string_view event, std::string_view text,
               std::initializer_list<LogField> fields = {});
    void event(LogLevel level, std::string_view event, std::string_view text,
               std::span<const LogField> fields);

    // Opens the file anew before the next line; async-signal-safe. If that fails, the old file is kept and an
    // error line says so.
    void reopen() { reopen_wanted_.store(true, std::memory_order_relaxed); }

    // Writes what is there and ends the thread. The cores must have stopped. Idempotent. An output that takes
    // nothing for two seconds loses what is left.
    void stop();

    // Lines that could not be written (a full disk, a closed pipe, a reader that has stopped). Any thread.
    std::uint64_t lines_lost() const { return lines_lost_.load(std::memory_order_relaxed); }
    // Records that the cores had to drop. Any thread.
    std::uint64_t records_dropped() const;

 private:
    Log(const LogOptions& options, int fd, std::unique_ptr<EventFd> wake);
    void run();
    void wait() const;
    void collect();
    void collect_core(std::uint32_t index);
    void report_dropped();
    void reopen_if_wanted();
    void flush();
    bool output_takes_more() const;
    void pass_on();

    const std::string path_;
    const std::function<void(std::string_view)> sink_;
    const int interval_ms_;
    const std::unique_ptr<EventFd> wake_;  // a ring fills, or stop()
    int fd_;                               // -1: the sink takes the lines
    bool is_file_;                         // rather than a pipe, a socket or a terminal
    std::vector<std::unique_ptr<CoreLog>> cores_;
    LogFormat format_;   // the log thread's
    std::string batch_;  // the log thread's
    std::uint64_t dropped_reported_ = 0;
    bool line_torn_ = false;  // the last write ended within a line

    std::mutex mutex_;  // guards what follows
    LogFormat event_format_;
    std::string events_;  // lines of event() not yet written

    std::atomic<bool> reopen_wanted_{false};
    std::atomic<std::uint64_t> lines_lost_{0};
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace ringmx::admin
