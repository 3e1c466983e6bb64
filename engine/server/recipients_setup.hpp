// Where recipients are looked up, as accept.recipients names it: opened at the start, a way to it for each
// core, and a thread that loads a file anew when it has changed or when it is told to. What it cannot use is
// refused, and the list before stays. docs/recipients.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/counters.hpp"
#include "admin/log.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "config/recipients_source.hpp"
#include "policy/accepted_domains.hpp"
#include "recipients/lmdb_lookup.hpp"
#include "recipients/lookup_service.hpp"
#include "recipients/recipient_list.hpp"
#include "server/file_stamp.hpp"
#include "server/watcher.hpp"

namespace ringmx::server {

// What can be told of accept.recipients without starting, for `ringmx check`: that the domains are domains,
// that the file loads. Of a service nothing.
Status check_recipients(const config::AcceptConfig& config);

class RecipientsSetup {
 public:
    // Loads what there is to load. `config`, `counters` (the first core's) and `log` outlive the object.
    static Result<std::unique_ptr<RecipientsSetup>> open(const config::AcceptConfig& config, unsigned cores,
                                                         admin::CoreCounters& counters, admin::Log& log);
    ~RecipientsSetup() = default;  // the cores' look-ups must be gone
    RecipientsSetup(const RecipientsSetup&) = delete;
    RecipientsSetup& operator=(const RecipientsSetup&) = delete;

    const std::shared_ptr<const policy::AcceptedDomains>& domains() const { return domains_; }
    // For one core; null: every local part exists.
    std::unique_ptr<policy::RecipientLookup> lookup(unsigned core, admin::CoreCounters& counters);
    bool answers_later() const { return service_ != nullptr; }

    void start();                      // the thread
    void reload() { watcher_.ask(); }  // soon, whether the file has changed or not; any thread
    void stop() { watcher_.stop(); }   // the thread; look-ups go on

 private:
    RecipientsSetup(const config::AcceptConfig& config, config::RecipientsSource source,
                    admin::CoreCounters& counters, admin::Log& log);
    Status open_source(unsigned cores);
    Status open_service(unsigned cores);
    const config::ServiceConfig& service_config() const;
    Status load();
    FileStamp stamp() const;
    bool being_written(const FileStamp& stamp) const;
    Watcher::Time next_turn() const;
    void watch(bool asked);
    void look(bool in_any_case);
    void look_at_database();
    void told(const char* what);
    void refuse(const std::string& why, bool tell_again);
    void let_go();
    void await_cores();

    const config::AcceptConfig& config_;
    const config::RecipientsSource source_;
    admin::CoreCounters& counters_;
    admin::Log& log_;
    std::shared_ptr<const policy::AcceptedDomains> domains_;
    recipients::ListSlot slot_;  // of a file or a table
    std::shared_ptr<const recipients::LmdbDatabase> database_;
    std::unique_ptr<recipients::LookupService> service_;

    // The thread's, once it runs.
    FileStamp stamp_;      // of what was loaded, or refused
    std::string refusal_;  // of the last look; empty: it was taken
    bool soon_ = false;    // the file is being written: look again in a moment
    // Lists that cores may still hold: they are freed here, which may take milliseconds, not there.
    std::vector<recipients::RecipientListPtr> retired_;
    Watcher::Time next_look_;  // at the file, unless somebody asks for it

    Watcher watcher_{"ringmx-rcpts"};  // last: its thread uses all the others
};

}  // namespace ringmx::server
