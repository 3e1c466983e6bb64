#include "server/recipients_setup.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <pthread.h>

#include "base/clock.hpp"
#include "recipients/socketmap_lookup.hpp"
#include "recipients/table.hpp"
#include "recipients/text_list.hpp"

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
    return ok_status();
}

RecipientsSetup::RecipientsSetup(const config::AcceptConfig& config, config::RecipientsSource source,
                                 admin::CoreCounters& counters, admin::Log& log)
    : config_(config), source_(std::move(source)), counters_(counters), log_(log) {}

RecipientsSetup::~RecipientsSetup() {
    stop();
}

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
    if (source_.kind == Kind::socketmap) {
        auto service = recipients::SocketmapService::start({.path = source_.path,
                                                            .address = source_.address,
                                                            .map = source_.map,
                                                            .cores = cores,
                                                            .connections = config_.socketmap.connections,
                                                            .questions_max = config_.socketmap.questions},
                                                           counters_, log_);
        if (!service) return service.error();
        service_ = std::move(*service);
    }
    return ok_status();
}

std::unique_ptr<policy::RecipientLookup> RecipientsSetup::lookup(unsigned core,
                                                                 admin::CoreCounters& counters) {
    if (is_list(source_)) return std::make_unique<recipients::ListLookup>(slot_);
    if (database_) return std::make_unique<recipients::LmdbLookup>(database_, &counters);
    if (!service_) return nullptr;
    const config::SocketmapConfig& options = config_.socketmap;
    const recipients::SocketmapTimes times{options.deadline_s * kNsPerSecond,
                                           options.found_ttl_s * kNsPerSecond,
                                           options.missing_ttl_s * kNsPerSecond};
    return std::make_unique<recipients::SocketmapLookup>(core, *service_, times, options.cache, counters);
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
    thread_ = std::thread([this] { watch(); });
}

void RecipientsSetup::reload() {
    {
        const std::lock_guard lock(mutex_);
        reload_wanted_ = true;
    }
    wake_.notify_one();
}

void RecipientsSetup::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void RecipientsSetup::watch() {
    pthread_setname_np(pthread_self(), "ringmx-rcpts");
    const std::chrono::milliseconds interval = std::chrono::seconds(config_.recipients_check_s);
    auto next_look = steady_clock::now() + interval;
    for (;;) {
        bool wanted = false;
        {
            std::unique_lock lock(mutex_);
            const bool sooner = soon_ || !retired_.empty();
            const auto until = sooner ? std::min(next_look, steady_clock::now() + kSoon) : next_look;
            wake_.wait_until(lock, until, [this] { return stopping_ || reload_wanted_; });
            if (stopping_) return;
            wanted = std::exchange(reload_wanted_, false);
        }
        let_go();
        if (!wanted && !soon_ && steady_clock::now() < next_look) continue;
        next_look = steady_clock::now() + interval;
        soon_ = false;
        look(wanted);
    }
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
