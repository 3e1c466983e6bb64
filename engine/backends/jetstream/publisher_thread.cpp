// The publishing thread: everything of the publisher that may block.
#include <algorithm>
#include <chrono>

#include "publisher.hpp"
#include "records/values.hpp"

namespace ringmx::jetstream {
namespace {

constexpr std::int64_t idle_wait_ms = 250;
constexpr std::int64_t trouble_wait_ms = 100;  // before what failed is tried again

bool add_headers(natsMsg* message, const records::Headers& headers) {
    for (const auto& [name, value] : headers) {
        if (natsMsgHeader_Add(message, name.c_str(), value.c_str()) != NATS_OK) return false;
    }
    return true;
}

}  // namespace

std::unique_ptr<Client> Publisher::connected_client() {
    Events events;
    events.connected = [this] {
        const Lock lock(mutex_);
        reconnected_ = true;
        host_.count(counters_.reconnects);
        work_.notify_one();
    };
    events.disconnected = [this] {
        const Lock lock(mutex_);
        stream_checked_ = false;
        if (!stop_) complain("the connection to NATS was lost");
    };
    events.message = [this](natsMsg* answer) { answered(answer); };
    auto client = std::make_unique<Client>(settings_.access, std::move(events));
    client->subscribe();
    return client;
}

void Publisher::run() {
    Lock lock(mutex_);
    while (!stop_) {
        if (reconnected_) start_over();
        if (trouble_) rest(lock);
        const bool is_ready = ready(lock);
        // Jobs may have ended meanwhile: ready() lets go of the mutex.
        while (!queue_.empty() && !jobs_.contains(queue_.front()))
            queue_.pop_front();
        if (!is_ready) {
            trouble_ = true;
        } else if (queue_.empty()) {
            work_.wait_for(lock, std::chrono::milliseconds(idle_wait_ms));
        } else {
            publish_next(lock);
        }
    }
}

void Publisher::rest(Lock& lock) {
    trouble_ = false;
    work_.wait_for(lock, std::chrono::milliseconds(trouble_wait_ms), [this] { return stop_; });
}

// Rule 3: what was under way when the connection broke is published again.
void Publisher::start_over() {
    reconnected_ = false;
    stream_checked_ = false;
    for (auto& [number, job] : jobs_) {
        for (std::size_t i = 0; i < job.records.size(); ++i) {
            if (job.records[i] != RecordState::published) continue;
            set_state(job, i, RecordState::waiting);
            host_.count(counters_.published_again);
        }
        requeue(number, job);
    }
}

bool Publisher::ready(Lock& lock) {
    if (stream_checked_ && !reconnected_) return true;
    lock.unlock();  // the library's own mutex may be held through a write to the socket
    const bool closed = client_ == nullptr || client_->closed();
    const bool connected = !closed && client_->connected();
    lock.lock();
    if (closed) return connect(lock);
    return connected && check_stream(lock);
}

// The library gave up: a login was refused twice. It may be allowed again.
bool Publisher::connect(Lock& lock) {
    std::string error;
    lock.unlock();
    client_.reset();
    try {
        client_ = connected_client();
    } catch (const std::exception& thrown) {
        error = thrown.what();
    }
    lock.lock();
    if (client_ == nullptr) complain(error);
    reconnected_ = client_ != nullptr;
    return false;
}

bool Publisher::check_stream(Lock& lock) {
    lock.unlock();
    const StreamFacts facts =
        client_->stream(settings_.stream, settings_.sync_always, settings_.access.timeout_ms);
    const std::uint64_t payload_octets_max = client_->payload_octets_max();
    lock.lock();
    if (reconnected_) return false;  // it may be about an earlier connection
    payload_octets_max_ = payload_octets_max;
    std::string error = facts.error;
    if (error.empty() && facts.durability < durability_) {
        error = "gives " + std::string(records::durability_name(facts.durability)) + ", not " +
                std::string(records::durability_name(durability_)) + " any more";
    }
    if (!error.empty()) {
        complain(error);
        return false;
    }
    accept_stream(facts);
    return stream_checked_;
}

void Publisher::accept_stream(const StreamFacts& facts) {
    stream_checked_ = true;
    stream_octets_max_ = facts.message_octets_max;
    complaint_.clear();
    const std::uint64_t most = record_octets_max();
    std::string line = "stream " + settings_.stream + ": replicas " + std::to_string(facts.replicas) +
                       ", records of at most " + std::to_string(most) + " octets, duplicates known for " +
                       std::to_string(facts.duplicate_window_ns / 1'000'000'000) + " s";
    if (line != stream_line_) {
        stream_line_ = std::move(line);
        host_.log(RINGMX_LOG_INFO, stream_line_);
        if (facts.drops_old)
            host_.log(RINGMX_LOG_WARNING, "the stream's limits delete the oldest mail, read or not");
    }
    if (most < records::record_octets_min) {
        stream_checked_ = false;
        complain("records of at least " + std::to_string(records::record_octets_min) +
                 " octets are needed: raise max_payload, or the stream's max_msg_size");
    }
}

std::uint64_t Publisher::record_octets_max() const {
    if (stream_octets_max_ < 0) return payload_octets_max_;
    return std::min(payload_octets_max_, static_cast<std::uint64_t>(stream_octets_max_));
}

// Publishes one record of the first job in the queue.
void Publisher::publish_next(Lock& lock) {
    const std::uint64_t number = queue_.front();
    const auto found = jobs_.find(number);
    Job& job = found->second;
    const std::uint64_t record_max = record_octets_max();
    const bool too_large = job.plan && job.plan->chunk_octets + records::headers_octets_max > record_max;
    if (!job.plan || too_large) make_plan(lock, job);
    while (job.plan && job.next < job.records.size() && job.records[job.next] != RecordState::waiting)
        ++job.next;
    if (job.outcome || job.next == job.records.size()) {
        queue_.pop_front();
        job.queued = false;
        if (job.outcome) finish(found, *job.outcome);
        return;
    }
    const std::size_t index = job.next;
    const std::uint64_t octets = record_at(*job.plan, index).octets;
    if (in_flight_octets_ > 0 && in_flight_octets_ + octets > settings_.in_flight_octets_max) {
        work_.wait_for(lock, std::chrono::milliseconds(idle_wait_ms));
        return;
    }
    set_state(job, index, RecordState::published);
    job.busy = true;
    lock.unlock();
    const natsStatus status = publish_record(job, number, index);
    lock.lock();
    job.busy = false;
    job.published_ns = host_.monotonic_ns();
    if (status == NATS_OK) {
        host_.count(counters_.octets, octets);
    } else if (job.records[index] == RecordState::published) {
        set_state(job, index, RecordState::waiting);
        complain(std::string("cannot publish: ") + natsStatus_GetText(status));
        stream_checked_ = false;
        trouble_ = true;
    }
    if (job.outcome) finish(found, *job.outcome);
}

// Reads all of the message (its checksum), therefore without the mutex.
void Publisher::make_plan(Lock& lock, Job& job) {
    for (std::size_t i = 0; i < job.records.size(); ++i) {
        if (job.records[i] == RecordState::published) set_state(job, i, RecordState::waiting);
    }
    job.records.clear();
    const std::uint64_t record_max = record_octets_max();
    job.busy = true;
    lock.unlock();
    std::string why;
    auto plan = records::plan(job.message, settings_.subject, record_max, why);
    lock.lock();
    job.busy = false;
    job.plan = std::move(plan);
    job.next = 0;
    if (!job.plan) {
        if (!job.outcome) job.outcome = Outcome{RINGMX_REJECT, why};
        return;
    }
    job.records.assign(job.plan->records(), RecordState::waiting);
    job.unstored = job.records.size();
}

natsStatus Publisher::publish_record(const Job& job, std::uint64_t number, std::size_t index) {
    const records::Record record = records::record_at(*job.plan, index);
    const std::string_view content =
        records::content_piece(job.message, record.offset, record.octets, scratch_);
    const std::string reply = client_->inbox() + std::to_string(number) + "-" + std::to_string(index);
    natsMsg* raw = nullptr;
    const natsStatus made = natsMsg_Create(&raw, record.unit->destination.c_str(), reply.c_str(),
                                           content.data(), static_cast<int>(content.size()));
    if (made != NATS_OK) return made;
    const MessagePointer message(raw);
    records::Headers headers = records::record_headers(*job.plan, record);
    headers.emplace_back("Nats-Msg-Id", records::record_id(*job.plan, record));
    headers.emplace_back("Nats-Expected-Stream", settings_.stream);
    if (!add_headers(raw, headers)) return NATS_NO_MEMORY;
    return client_->publish(raw);
}

}  // namespace ringmx::jetstream
