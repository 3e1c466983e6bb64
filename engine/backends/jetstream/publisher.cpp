// The jobs: submission, acknowledgement, deadline, completion. publisher_thread.cpp has the publishing
// thread.
#include "publisher.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>

#include "ack.hpp"
#include "records/values.hpp"

namespace ringmx::jetstream {
namespace {

constexpr auto close_wait_max = std::chrono::seconds(5);
constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t late_ms_max = 5000;  // an acknowledgement that takes longer is late

// The reply subject of a record ends in JOB-INDEX.
bool parse_reply(std::string_view subject, std::uint64_t& number, std::size_t& index) {
    const char* const end = subject.data() + subject.size();
    const char* at = subject.data() + (subject.rfind('.') + 1);
    const auto first = std::from_chars(at, end, number);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return false;
    const auto second = std::from_chars(first.ptr + 1, end, index);
    return second.ec == std::errc{} && second.ptr == end;
}

}  // namespace

Publisher::Publisher(plugin::Host host, Settings settings) : host_(host), settings_(std::move(settings)) {
    counters_ = {host_.counter("records_stored"), host_.counter("records_duplicate"),
                 host_.counter("records_published_again"), host_.counter("connections"),
                 host_.counter("octets_published")};
    client_ = connected_client();
    if (!settings_.durability) {
        if (!client_->wait_connected(settings_.access.timeout_ms))
            throw std::runtime_error("NATS: " + client_->last_error() +
                                     "; with the option durability the server starts without it");
        const StreamFacts facts =
            client_->stream(settings_.stream, settings_.sync_always, settings_.access.timeout_ms);
        if (!facts.error.empty()) throw std::runtime_error("NATS: " + facts.error);
        durability_ = facts.durability;
    } else {
        durability_ = *settings_.durability;
        if (client_->wait_connected(settings_.access.timeout_ms)) {
            const StreamFacts facts =
                client_->stream(settings_.stream, settings_.sync_always, settings_.access.timeout_ms);
            if (facts.found && facts.durability < durability_) {
                throw std::runtime_error("stream " + settings_.stream + " gives " +
                                         std::string(records::durability_name(facts.durability)) + ", not " +
                                         std::string(records::durability_name(durability_)));
            }
        }
    }
    thread_ = std::thread([this] { run(); });
}

Publisher::~Publisher() {
    close();
}

void Publisher::submit(std::span<const plugin::Message> messages) {
    const std::int64_t deadline_ns = host_.monotonic_ns() + settings_.timeout_ms * ns_per_ms;
    const Lock lock(mutex_);
    for (const plugin::Message& message : messages) {
        const auto made = jobs_.try_emplace(++last_number_, message).first;
        made->second.deadline_ns = deadline_ns;
        queue_.push_back(last_number_);
    }
    work_.notify_one();
}

void Publisher::tick() {
    const std::int64_t now_ns = host_.monotonic_ns();
    const Lock lock(mutex_);
    expire(now_ns);
    publish_again(now_ns);
}

void Publisher::close() {
    {
        Lock lock(mutex_);
        if (stop_) return;
        idle_.wait_for(lock, close_wait_max, [this] { return jobs_.empty(); });
        stop_ = true;
        work_.notify_one();
    }
    thread_.join();
    client_.reset();  // no acknowledgement comes any more
    const Lock lock(mutex_);
    while (!jobs_.empty())
        finish(jobs_.begin(), {RINGMX_RETRY, "shutting down"});
}

void Publisher::expire(std::int64_t now_ns) {
    for (auto at = jobs_.begin(); at != jobs_.end() && at->second.deadline_ns <= now_ns;) {
        const auto job = at++;
        if (job->second.outcome) continue;
        const std::string why = !stream_checked_ && !complaint_.empty() ? complaint_
                                : job->second.plan ? "not acknowledged by the stream in time"
                                                   : "not published in time";
        finish(job, {RINGMX_RETRY, why});
    }
}

// Rule 3, for those whose acknowledgement is late.
void Publisher::publish_again(std::int64_t now_ns) {
    const std::int64_t first_ns = std::min(settings_.timeout_ms / 3, late_ms_max) * ns_per_ms;
    for (auto& [number, job] : jobs_) {
        if (job.published_ns == 0) continue;
        if (job.patience_ns == 0) job.patience_ns = first_ns;
        if (now_ns - job.published_ns < job.patience_ns) continue;
        job.patience_ns *= 2;  // a server that is slow is not to be given ever more
        job.published_ns = now_ns;
        for (std::size_t i = 0; i < job.records.size(); ++i) {
            if (job.records[i] != RecordState::published) continue;
            set_state(job, i, RecordState::waiting);
            host_.count(counters_.published_again);
            requeue(number, job);
        }
    }
    if (!queue_.empty()) work_.notify_one();
}

// Completes a job now, or when it is no longer busy.
void Publisher::finish(Jobs::iterator job, Outcome outcome) {
    if (job->second.busy) {
        if (!job->second.outcome) job->second.outcome = std::move(outcome);
        return;
    }
    for (std::size_t i = 0; i < job->second.records.size(); ++i) {
        if (job->second.records[i] == RecordState::published) set_state(job->second, i, RecordState::waiting);
    }
    host_.complete(job->second.message.token(), outcome.status, outcome.text);
    jobs_.erase(job);  // its number may stay in queue_, where it is passed over
    work_.notify_one();
    if (jobs_.empty()) idle_.notify_all();
}

void Publisher::set_state(Job& job, std::size_t index, RecordState state) {
    RecordState& now = job.records[index];
    const std::uint64_t octets = record_at(*job.plan, index).octets;
    if (now == RecordState::published) in_flight_octets_ -= octets;
    if (state == RecordState::published) in_flight_octets_ += octets;
    if (state == RecordState::stored && now != RecordState::stored) --job.unstored;
    now = state;
}

void Publisher::requeue(std::uint64_t number, Job& job) {
    job.next = 0;
    if (job.queued) return;
    job.queued = true;
    queue_.push_back(number);
}

void Publisher::answered(natsMsg* answer) {
    const MessagePointer owner(answer);
    std::uint64_t number = 0;
    std::size_t index = 0;
    if (!parse_reply(natsMsg_GetSubject(answer), number, index)) return;
    Ack ack{Answer::again, false, "no stream has this subject"};
    if (!natsMsg_IsNoResponders(answer)) {
        const auto octets = static_cast<std::size_t>(natsMsg_GetDataLength(answer));
        ack = parse_ack({natsMsg_GetData(answer), octets}, settings_.stream);
    }
    const Lock lock(mutex_);
    apply(number, index, ack);
}

void Publisher::apply(std::uint64_t number, std::size_t index, const Ack& ack) {
    const auto job = jobs_.find(number);
    // Not there: completed before. No such record: the plan was made anew.
    if (job == jobs_.end() || index >= job->second.records.size()) return;
    Job& found = job->second;
    if (found.records[index] == RecordState::stored) return;
    switch (ack.answer) {
        case Answer::stored:
            set_state(found, index, RecordState::stored);
            host_.count(counters_.records);
            if (ack.duplicate) host_.count(counters_.duplicates);
            work_.notify_one();
            if (found.unstored == 0) finish(job, {RINGMX_STORED, {}});
            break;
        case Answer::again:
            set_state(found, index, RecordState::waiting);
            complain(ack.text);
            requeue(number, found);
            stream_checked_ = false;
            trouble_ = true;
            break;
        case Answer::failed:
            complain(ack.text);
            stream_checked_ = false;  // its limits may have changed
            finish(job, {RINGMX_RETRY, ack.text});
            break;
    }
}

void Publisher::complain(std::string text) {
    if (text == complaint_) return;
    complaint_ = std::move(text);
    host_.log(RINGMX_LOG_WARNING, "stream " + settings_.stream + ": " + complaint_);
}

}  // namespace ringmx::jetstream
