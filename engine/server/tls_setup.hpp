// The certificates that a configuration names: read, checked, made into one context for each core, and made
// anew when their files change. A thread looks at the files each tls.check_interval and when it is told to;
// what it cannot use is refused, and the contexts before stay. It changes the ticket keys, too. docs/tls.md.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/counters.hpp"
#include "admin/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "server/file_stamp.hpp"
#include "server/pem_files.hpp"
#include "server/watcher.hpp"
#include "tls/context.hpp"

namespace ringmx::server {

// Where a core finds the context for a new channel. Any thread may put another one there.
class ContextSlot {
 public:
    std::shared_ptr<const tls::Context> get() const {
        const std::lock_guard lock(mutex_);
        return context_;
    }
    void set(std::shared_ptr<const tls::Context> context) {
        const std::lock_guard lock(mutex_);
        context_.swap(context);
    }

 private:
    mutable std::mutex mutex_;
    std::shared_ptr<const tls::Context> context_;
};

// What the configuration asks of a context, with the files read. The error names the file.
Result<tls::ContextOptions> read_certificates(const config::TlsConfig& config, const CertificateOpener& open);

// Everything that can be told of them now, for `ringmx check`: the error is what a start or a reload would
// refuse, or a certificate out of its time; else what is allowed and yet surprising: one that ends within
// 14 days, a host name that none of them covers.
Result<std::vector<std::string>> check_certificates(const config::TlsConfig& config,
                                                    const std::string& hostname,
                                                    const CertificateOpener& open = open_file);
// The same of what has been read.
Result<std::vector<std::string>> check_certificates(const tls::ContextOptions& options,
                                                    const std::string& hostname);

class TlsSetup {
 public:
    // With certificates in `config`, which outlives the object, as `log` does. A certificate out of its time
    // is a line in the log, not an error: mail goes on.
    static Result<std::unique_ptr<TlsSetup>> open(const config::TlsConfig& config,
                                                  const std::string& hostname, unsigned cores,
                                                  admin::Log& log, CertificateOpener open = open_file);
    TlsSetup(const TlsSetup&) = delete;
    TlsSetup& operator=(const TlsSetup&) = delete;

    const ContextSlot& slot(unsigned core) const { return slots_[core]; }
    // Starts the thread; it counts into `counters`.
    void start(admin::CoreCounters& counters);
    void reload() { watcher_.ask(); }  // soon, whether the files have changed or not; any thread
    void stop() { watcher_.stop(); }

 private:
    TlsSetup(const config::TlsConfig& config, const std::string& hostname, unsigned cores, admin::Log& log,
             CertificateOpener open);
    std::vector<FileStamp> stamps() const;
    Status load(bool first);
    void warn_of_validity(const tls::ContextOptions& options);
    Watcher::Time next_look() const;
    Watcher::Time watch(bool asked);
    void look(bool in_any_case);

    const config::TlsConfig& config_;
    const std::string hostname_;
    admin::Log& log_;
    const CertificateOpener open_;
    std::vector<ContextSlot> slots_;
    std::shared_ptr<tls::TicketKeys> keys_;
    admin::CoreCounters* counters_ = nullptr;

    // The thread's, once it runs.
    std::vector<FileStamp> stamps_;
    std::vector<std::string> chains_;  // in use
    std::string refusal_;              // of the last look at changed files; empty: they were taken
    Watcher::Time rotation_;           // when the ticket keys change
    Watcher::Time warning_;            // when certificates that end soon are told of again

    Watcher watcher_{"ringmx-certs"};  // last: its thread uses all the others
};

}  // namespace ringmx::server
