#include "lmtp/pool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/settings.hpp"

namespace ringmx::lmtp {
namespace {

constexpr std::int64_t kBackoffNsMin = 100'000'000;
constexpr std::int64_t kBackoffNsMax = 10'000'000'000;
constexpr std::int64_t kPollNsMax = 250'000'000;

}  // namespace

Pool::Counters::Counters(const plugin::Host& host)
    : delivered(host.counter("recipients_delivered")),
      refused(host.counter("recipients_refused")),
      deferred(host.counter("recipients_deferred")),
      stored_in_part(host.counter("messages_stored_in_part")),
      connections(host.counter("connections")),
      connection_failures(host.counter("connection_failures")),
      redone(host.counter("transactions_redone")),
      forgotten(host.counter("ledger_forgotten")) {}

Pool::Pool(plugin::Host host, PoolOptions options)
    : host_(host),
      options_(std::move(options)),
      counters_(host_),
      ledger_(Ledger::shared(options_.connection.address.text, options_.remembered)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    for (std::size_t i = 0; i < options_.connections; ++i)
        slots_.push_back(std::make_unique<Slot>(options_.connection));
    thread_ = std::thread([this] { loop(); });
}

Pool::~Pool() {
    stop();
    ::close(wake_fd_);
}

void Pool::submit(std::span<const plugin::Message> messages) {
    if (inbox_.put(messages)) wake();
}

void Pool::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    wake();
    thread_.join();
}

void Pool::wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the thread is awake.
    [[maybe_unused]] const ssize_t octets = write(wake_fd_, &one, sizeof one);
}

void Pool::loop() {
    std::int64_t give_up_ns = 0;  // 0: not stopping
    while (true) {
        take_inbox();
        if (stopping_ && give_up_ns == 0) {
            give_up_ns = now() + options_.close_grace_ns;
            take_inbox();  // what came before stop()
        }
        if (give_up_ns != 0) {
            give_up_queue("the server is shutting down");
            if (!busy() || now() >= give_up_ns) break;
        } else {
            expire_queue();
            dispatch();
        }
        wait();
    }
    for (auto& slot : slots_) {
        if (slot->job) slot->connection.fail("the server is shutting down");
        slot->connection.quit();
        if (slot->job) end_transaction(*slot);
    }
    give_up_queue("the server is shutting down");
}

void Pool::take_inbox() {
    for (const plugin::Message& message : inbox_.take()) {
        auto job = job_of(message);
        if (unsettled(*job).empty()) {
            complete(*job);
        } else {
            queue_.push_back(std::move(job));
        }
    }
}

std::unique_ptr<Pool::Job> Pool::job_of(const plugin::Message& message) const {
    auto job = std::make_unique<Job>(Job{message, {}, {}, now()});
    std::memcpy(job->id.data(), message.raw().id, job->id.size());
    job->results.resize(message.recipient_count());
    const auto settled = ledger_->recall(job->id);
    if (settled.empty()) return job;
    for (std::uint32_t index = 0; index < job->results.size(); ++index) {
        const auto path = message.recipient(index).forward_path;
        const auto found = std::find_if(settled.begin(), settled.end(),
                                        [path](const Settled& one) { return one.forward_path == path; });
        if (found != settled.end()) job->results[index] = {found->outcome, false, found->text};
    }
    return job;
}

std::vector<std::uint32_t> Pool::unsettled(const Job& job) {
    std::vector<std::uint32_t> indices;
    for (std::uint32_t index = 0; index < job.results.size(); ++index) {
        if (job.results[index].outcome == Outcome::deferred) indices.push_back(index);
    }
    return indices;
}

// Until a socket has something, or something is due.
void Pool::wait() {
    polled_.assign(1, {wake_fd_, POLLIN, 0});
    std::int64_t until = now() + kPollNsMax;
    for (const auto& slot : slots_) {
        const Connection& connection = slot->connection;
        polled_.push_back(
            {connection.descriptor(), static_cast<short>(connection.closed() ? 0 : connection.events()), 0});
        if (const auto deadline = connection.deadline_ns()) until = std::min(until, *deadline);
    }
    const std::int64_t wait_ns = std::max<std::int64_t>(0, until - now());
    if (poll(polled_.data(), polled_.size(), static_cast<int>((wait_ns + 999'999) / 1'000'000)) < 0) return;
    if (polled_[0].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t octets = read(wake_fd_, &count, sizeof count);
    }
    const std::int64_t at = now();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = *slots_[i];
        if (slot.connection.closed()) continue;
        if (polled_[i + 1].revents != 0) slot.connection.on_events(polled_[i + 1].revents, at);
        slot.connection.on_time(at);
        look_after(slot);
    }
}

void Pool::dispatch() {
    while (!queue_.empty()) {
        if (assign_to_idle()) continue;
        if (open_another()) continue;
        break;
    }
    const bool none =
        std::all_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->connection.closed(); });
    if (none && !queue_.empty())
        give_up_queue("cannot reach " + options_.connection.address.text + ": " + last_failure_);
}

bool Pool::assign_to_idle() {
    const auto idle = std::find_if(slots_.begin(), slots_.end(),
                                   [](const auto& slot) { return slot->connection.ready() && !slot->job; });
    if (idle == slots_.end()) return false;
    (*idle)->job = std::move(queue_.front());
    queue_.pop_front();
    begin(**idle);
    return true;
}

// False: there are as many as there may be, or as many on their way as messages wait, or it is too early.
bool Pool::open_another() {
    const auto on_their_way = static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](const auto& slot) { return slot->connection.opening(); }));
    const auto closed = std::find_if(slots_.begin(), slots_.end(),
                                     [](const auto& slot) { return slot->connection.closed(); });
    if (closed == slots_.end() || on_their_way >= queue_.size() || now() < connect_after_ns_) return false;
    (*closed)->announced = false;
    (*closed)->connection.open(now());
    look_after(**closed);
    return true;
}

void Pool::begin(Slot& slot) {
    slot.sent = unsettled(*slot.job);
    slot.connection.begin(slot.job->message, slot.sent, now());
    look_after(slot);
}

// After anything has happened on a connection.
void Pool::look_after(Slot& slot) {
    if (slot.connection.was_ready() && !slot.announced) on_serving(slot);
    if (slot.job && slot.connection.client().finished()) end_transaction(slot);
    if (slot.connection.closed()) on_closed(slot);
}

void Pool::on_serving(Slot& slot) {
    slot.announced = true;
    host_.count(counters_.connections);
    if (backoff_ns_ == 0) return;
    host_.log(RINGMX_LOG_INFO, "connected to " + options_.connection.address.text + " again");
    backoff_ns_ = 0;
    connect_after_ns_ = 0;
}

void Pool::on_closed(Slot& slot) {
    last_failure_ = slot.connection.failure();
    if (slot.connection.was_ready()) return;  // it has served: the next attempt is made at once
    host_.count(counters_.connection_failures);
    if (backoff_ns_ == 0) {
        host_.log(RINGMX_LOG_WARNING,
                  "cannot connect to " + options_.connection.address.text + ": " + last_failure_);
    }
    backoff_ns_ = std::clamp(backoff_ns_ * 2, kBackoffNsMin, kBackoffNsMax);
    connect_after_ns_ = now() + backoff_ns_;
}

void Pool::end_transaction(Slot& slot) {
    Client& client = slot.connection.client();
    Job& job = *slot.job;
    const bool redo = slot.connection.closed() && !client.content_begun() && !stopping_ &&
                      slot.connection.transactions_before() > 0 &&
                      now() - job.queued_ns < options_.connection.command_timeout_ns;
    bool progress = false;
    bool too_many = false;
    auto results = client.take_results();
    for (std::size_t i = 0; i < results.size(); ++i) {
        progress = progress || results[i].outcome == Outcome::delivered;
        too_many = too_many || results[i].too_many;
        job.results[slot.sent[i]] = std::move(results[i]);
    }
    if (redo && !unsettled(job).empty()) {
        host_.count(counters_.redone);
        queue_.push_front(std::move(slot.job));
        return;
    }
    if (progress && too_many && slot.connection.ready() && !stopping_) return begin(slot);
    complete(job);
    slot.job.reset();
}

void Pool::complete(Job& job) {
    const Verdict all = verdict(job.results);
    host_.count(counters_.deferred, all.deferred);
    if (all.status == RINGMX_RETRY) {
        if (all.delivered + all.refused > 0) remember(job);
    } else {
        ledger_->forget(job.id);
        host_.count(counters_.delivered, all.delivered);
        host_.count(counters_.refused, all.refused);
        if (all.status == RINGMX_STORED && all.refused > 0) log_refused(job);
    }
    host_.complete(job.message.token(), all.status, all.text);  // the message is gone behind this
}

void Pool::remember(const Job& job) {
    std::vector<Settled> settled;
    for (std::uint32_t index = 0; index < job.results.size(); ++index) {
        const RecipientResult& result = job.results[index];
        if (result.outcome == Outcome::deferred) continue;
        // The text of a delivery is of no use later.
        settled.push_back({std::string(job.message.recipient(index).forward_path), result.outcome,
                           result.outcome == Outcome::refused ? result.text : std::string()});
    }
    host_.count(counters_.forgotten, ledger_->remember(job.id, std::move(settled)));
}

// One reply cannot say both: the message is stored, and who did not get it stands in the log.
void Pool::log_refused(const Job& job) {
    host_.count(counters_.stored_in_part);
    for (std::uint32_t index = 0; index < job.results.size(); ++index) {
        if (job.results[index].outcome != Outcome::refused) continue;
        host_.log(RINGMX_LOG_WARNING, std::string(job.message.id()) + ": refused for <" +
                                          backends::printable(job.message.recipient(index).forward_path) +
                                          ">: " + job.results[index].text);
    }
}

void Pool::give_up_queue(std::string_view why) {
    while (!queue_.empty()) {
        const auto job = std::move(queue_.front());
        queue_.pop_front();
        for (RecipientResult& result : job->results) {
            if (result.outcome == Outcome::deferred) result.text = backends::printable(why);
        }
        complete(*job);
    }
}

void Pool::expire_queue() {
    const std::int64_t oldest = now() - options_.connection.command_timeout_ns;
    while (!queue_.empty() && queue_.front()->queued_ns <= oldest) {
        const auto job = std::move(queue_.front());
        queue_.pop_front();
        for (RecipientResult& result : job->results) {
            if (result.outcome == Outcome::deferred) result.text = "every connection is busy";
        }
        complete(*job);
    }
}

bool Pool::busy() const {
    return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->job != nullptr; });
}

}  // namespace ringmx::lmtp
