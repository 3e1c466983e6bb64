#include "server/recipients_setup.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "recipients/service_lookup.hpp"
#include "recipients/socketmap_client.hpp"
#include "recipients/table.hpp"
#include "recipients/text_list.hpp"
#include "server/recipients_http.hpp"

namespace ringmx::server {

namespace {

using Kind = config::RecipientsSource::Kind;
using std::chrono::steady_clock;

// A text file that was changed so shortly ago may be half written. Who replaces it by renaming need not wait.
constexpr std::int64_t kSettledNs = kNsPerSecond;
constexpr std::chrono::milliseconds kSoon{500};
constexpr std::chrono::milliseconds kAwaitCores{1000};
constexpr std::chrono::milliseconds kPause{5};

Result<recipients::RecipientListPtr> load_list(const config::RecipientsSource& source,
                                               const policy::AcceptedDomains& domains) {
    if (source.kind == Kind::file) return recipients::TextList::load(source.path, &domains);
    auto table = recipients::Table::load(source.path);
    if (!table) return table.error();
    return recipients::RecipientListPtr(std::move(*table));
}

bool is_list(const config::RecipientsSource& source) {
    return source.kind == Kind::file || source.kind == Kind::table;
}

Result<config::RecipientsSource> source_of(const config::AcceptConfig& config) {
    auto source = config::parse_recipients(config.recipients);
    if (!source) return Error{0, "accept.recipients: " + source.error().message};
    return source;
}

}  // namespace

Status check_recipients(const config::AcceptConfig& config) {
    const auto domains = policy::AcceptedDomains::load(config.domains);
    if (!domains) return domains.error();
    const auto source = source_of(config);
    if (!source) return source.error();
    if (is_list(*source)) {
        if (const auto list = load_list(*source, **domains); !list) return list.error();
    }
    if (source->kind == Kind::lmdb) {
        if (const auto database = recipients::LmdbDatabase::open(source->path, 1); !database)
            return database.error();
    }
    if (source->kind == Kind::http) {
        if (const auto http = recipients_over_http(config.http, source->url); !http) return http.error();
    }
    return ok_status();
}

RecipientsSetup::RecipientsSetup(const config::AcceptConfig& config, config::RecipientsSource source,
                                 admin::CoreCounters& counters, admin::Log& log)
    : config_(config), source_(std::move(source)), counters_(counters), log_(log) {}

Result<std::unique_ptr<RecipientsSetup>> RecipientsSetup::open(const config::AcceptConfig& config,
                                                               unsigned cores, admin::CoreCounters& counters,
                                                               admin::Log& log) {
    const auto source = source_of(config);
    if (!source) return source.error();
    std::unique_ptr<RecipientsSetup> setup(new RecipientsSetup(config, *source, counters, log));
    auto domains = policy::AcceptedDomains::load(config.domains);
    if (!domains) return domains.error();
    setup->domains_ = std::move(*domains);
    if (const Status opened = setup->open_source(cores); !opened) return opened.error();
    return setup;
}

Status RecipientsSetup::open_source(unsigned cores) {
    if (is_list(source_)) return load();
    if (source_.kind == Kind::lmdb) {
        auto database = recipients::LmdbDatabase::open(source_.path, cores);
        if (!database) return database.error();
        database_ = std::move(*database);
        stamp_ = stamp();
    }
    return source_.kind == Kind::socketmap || source_.kind == Kind::http ? open_service(cores) : ok_status();
}

const config::ServiceConfig& RecipientsSetup::service_config() const {
    return source_.kind == Kind::http ? config_.http : config_.socketmap;
}

Status RecipientsSetup::open_service(unsigned cores) {
    recipients::ServiceOptions options;
    options.cores = cores;
    options.questions_max = service_config().questions;
    recipients::LookupService::ClientMaker make_client;
    if (source_.kind == Kind::http) {
        auto http = recipients_over_http(config_.http, source_.url);
        if (!http) return http.error();
        options.name = recipients::name_of(*http);
        options.whole_domains = false;
        make_client = [http = std::move(*http)](recipients::ServiceDesk& desk) {
            return recipients::HttpClient::make(http, desk);
        };
    } else {
        const recipients::SocketmapOptions socketmap{.path = source_.path,
                                                     .address = source_.address,
                                                     .map = source_.map,
                                                     .connections = service_config().connections};
        options.name = recipients::name_of(socketmap);
        make_client = [socketmap](recipients::ServiceDesk& desk) {
            return recipients::SocketmapClient::make(socketmap, desk);
        };
    }
    auto service = recipients::LookupService::start(options, make_client, counters_, log_);
    if (!service) return service.error();
    service_ = std::move(*service);
    return ok_status();
}

std::unique_ptr<policy::RecipientLookup> RecipientsSetup::lookup(unsigned core,
                                                                 admin::CoreCounters& counters) {
    if (is_list(source_)) return std::make_unique<recipients::ListLookup>(slot_);
    if (database_) return std::make_unique<recipients::LmdbLookup>(database_, &counters);
    if (!service_) return nullptr;
    const config::ServiceConfig& options = service_config();
    const recipients::ServiceTimes times{options.deadline_s * kNsPerSecond,
                                         options.found_ttl_s * kNsPerSecond,
                                         options.missing_ttl_s * kNsPerSecond};
    return std::make_unique<recipients::ServiceLookup>(core, *service_, times, options.cache, counters);
}

// --- the list
// ----------------------------------------------------------------------------------------------------------

FileStamp RecipientsSetup::stamp() const {
    const FileStamp inside = FileStamp::of(source_.path + "/data.mdb");  // of a database that is a folder
    if (source_.kind == Kind::lmdb && inside != FileStamp{}) return inside;
    return FileStamp::of(source_.path);
}

Status RecipientsSetup::load() {
    stamp_ = stamp();
    auto list = load_list(source_, *domains_);
    if (!list) return list.error();
    // Half of a text file looks like a whole one.
    if (source_.kind == Kind::file && stamp() != stamp_)
        return Error{0, source_.path + ": it was written while it was read"};
    auto before = slot_.set(std::move(*list));
    if (before) retired_.push_back(std::move(before));
    return ok_status();
}

// Nobody gets a list any more that the slot does not hold: one that nobody else has is ours alone.
void RecipientsSetup::let_go() {
    std::erase_if(retired_, [](const recipients::RecipientListPtr& list) { return list.use_count() == 1; });
}

// So that reloads in a row do not pile up lists: a core lets go of one within a tick of its loop.
void RecipientsSetup::await_cores() {
    const auto end = steady_clock::now() + kAwaitCores;
    for (let_go(); !retired_.empty() && steady_clock::now() < end; let_go())
        std::this_thread::sleep_for(kPause);
}

// --- the thread
// --------------------------------------------------------------------------------------------------------

void RecipientsSetup::start() {
    if (source_.kind == Kind::everybody) return;
    if (is_list(source_)) told("loaded");
    next_look_ = steady_clock::now() + std::chrono::seconds(config_.recipients_check_s);
    watcher_.start(next_turn(), [this](bool asked) {
        watch(asked);
        return next_turn();
    });
}

Watcher::Time RecipientsSetup::next_turn() const {
    const bool sooner = soon_ || !retired_.empty();
    return sooner ? std::min(next_look_, steady_clock::now() + kSoon) : next_look_;
}

void RecipientsSetup::watch(bool asked) {
    let_go();
    if (!asked && !soon_ && steady_clock::now() < next_look_) return;
    next_look_ = steady_clock::now() + std::chrono::seconds(config_.recipients_check_s);
    soon_ = false;
    look(asked);
}

bool RecipientsSetup::being_written(const FileStamp& stamp) const {
    return source_.kind == Kind::file && read_clock().wall_us * kNsPerUs - stamp.modified_ns < kSettledNs;
}

void RecipientsSetup::look(bool in_any_case) {
    if (service_) {
        if (in_any_case) service_->forget();
        return;
    }
    if (database_) return look_at_database();
    const FileStamp present = stamp();
    if (!in_any_case) {
        // What was refused may be good by now, as it is: its folder was not there, or not for us.
        if (refusal_.empty() && present == stamp_) return;
        if (present != stamp_ && being_written(present)) {
            soon_ = true;
            return;
        }
    }
    await_cores();
    if (const Status loaded = load(); !loaded) return refuse(loaded.error().message, in_any_case);
    refusal_.clear();
    counters_.recipients_reloads.add(1);
    told("loaded anew");
}

// What is written into a database is seen at once. Another file under its name is another database, which a
// process cannot open beside this one.
void RecipientsSetup::look_at_database() {
    const FileStamp present = stamp();
    if (present.inode == stamp_.inode && present.device == stamp_.device) return;
    stamp_ = present;
    refuse(source_.path +
               ": the database was replaced; the one before is in use until the server is started anew",
           true);
}

void RecipientsSetup::refuse(const std::string& why, bool tell_again) {
    const bool known = std::exchange(refusal_, why) == why;
    if (known && !tell_again) return;
    counters_.recipients_reloads_refused.add(1);
    log_.event(admin::LogLevel::error, "recipients_refused", why + "; the list before is kept");
}

void RecipientsSetup::told(const char* what) {
    log_.event(admin::LogLevel::info, "recipients", what,
               {{"file", source_.path}, {"addresses", std::to_string(slot_.get()->size())}});
}

}  // namespace ringmx::server
