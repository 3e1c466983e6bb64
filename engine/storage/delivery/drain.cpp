#include "storage/delivery/drain.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "storage/delivery/domain_keys.hpp"
#include "storage/delivery/requeue.hpp"

namespace ringmx::storage::delivery {
namespace {

using spool::Cursor;
using spool::Section;
using spool::SpoolReader;
using spool::StoredMessage;

constexpr std::int64_t kTickNs = kNsPerSecond / 4;
constexpr std::int64_t kLookNs = kNsPerSecond;       // between looks for requests and new shards
constexpr std::int64_t kPauseNs = kNsPerSecond;      // after a failure of the disk
constexpr std::int64_t kAckDelayNs = 50 * kNsPerMs;  // that an acknowledgement waits for others
constexpr std::size_t kSubmitBatch = 64;
constexpr std::size_t kReadBatch = 256;  // messages read in one turn

}  // namespace

Result<std::unique_ptr<Drain>> Drain::open(const DrainOptions& options, Target& target, LateAnswers* late,
                                           Observer& observer) {
    std::unique_ptr<Drain> drain(new Drain(options, target, late, observer));
    auto reader = SpoolReader::open(options.spool_path);
    if (!reader) return reader.error();
    drain->reader_ = std::move(*reader);
    if (Status opened = drain->dead_.open_existing(); !opened) return opened.error();
    const auto claimed = drain->reader_->claim();
    if (!claimed) return claimed.error();
    if (!*claimed) {
        drain->tell(Severity::warning, "delivery_not_alone",
                    "another consumer acknowledges in the spool: what is delivered cannot be acknowledged");
    }
    return drain;
}

Drain::Drain(const DrainOptions& options, Target& target, LateAnswers* late, Observer& observer)
    : options_(options),
      target_(target),
      late_(late),
      observer_(observer),
      scheduler_(options.scheduler),
      dead_(options.dead),
      random_(std::random_device{}()) {}

Drain::~Drain() = default;

std::int64_t Drain::turn(Now now) {
    now_ = now;
    take_answers();
    if (now_.mono_ns >= next_look_ns_) {
        next_look_ns_ = now_.mono_ns + kLookNs;
        look_for_requests();
    }
    read_log();
    const bool more = submit();
    target_.flush();
    take_answers();  // of what was answered at once
    acknowledge(false);
    if (now_.mono_ns >= next_tick_ns_) {
        next_tick_ns_ = now_.mono_ns + kTickNs;
        target_.tick();
        dead_.tick();
    }
    update_gauges();
    if (more) return 0;
    std::int64_t until_ns = std::min(next_tick_ns_, scheduler_.due_ns());
    if (!done_.empty() || !letters_done_.empty())
        until_ns = std::min(until_ns, std::max(done_since_ns_ + kAckDelayNs, no_acks_before_ns_));
    return std::max<std::int64_t>(until_ns - now_.mono_ns, 0);
}

void Drain::close(Now now) {
    now_ = now;
    target_.close();
    take_answers();
    acknowledge(true);
    dead_.close();
    update_gauges();
}

// --- answers
// -----------------------------------------------------------------------------------------------------

void Drain::take_answers() {
    target_.take([this](const plugin::Completion& answer) { answered(answer); });
    if (!burials_.empty()) bury();
}

void Drain::answered(const plugin::Completion& answer) {
    target_full_ = false;
    const auto found = jobs_.find(answer.cookie);
    if (found == jobs_.end()) return;
    switch (answer.status) {
        case StoreStatus::stored:
            if (std::exchange(waiting_, false))
                tell(Severity::info, "delivery_goes_on", "the backend takes messages again");
            finish(answer.cookie, true);
            return;
        case StoreStatus::reject:
            burials_.push_back({answer.cookie, answer.text});
            return;
        default:
            break;
    }
    const std::int64_t age_s = (now_.wall_us / 1000 - found->second.since_ms) / 1000;
    if (options_.age_max_s > 0 && age_s >= options_.age_max_s) {
        burials_.push_back({answer.cookie, "not delivered within " + std::to_string(options_.age_max_s) +
                                               " seconds; the last answer: " + answer.text});
        return;
    }
    if (!std::exchange(waiting_, true))
        tell(Severity::warning, "delivery_waits", answer.text, &found->second);
    fail(answer.cookie, {});
}

// A message that ends: it is acknowledged with the next batch.
void Drain::finish(Key key, bool delivered) {
    const auto found = jobs_.find(key);
    if (done_.empty() && letters_done_.empty()) done_since_ns_ = now_.mono_ns;
    (found->second.letter ? letters_done_ : done_).push_back(found->second.cursor);
    jobs_.erase(found);
    delivered ? scheduler_.stored(key) : scheduler_.rejected(key);
    (delivered ? counters_.delivered : counters_.dead).fetch_add(1, std::memory_order_relaxed);
}

// A message that is tried again later. `why`, if any, is for the log, once for each message.
void Drain::fail(Key key, std::string_view why) {
    Job& job = jobs_.at(key);
    job.bytes.reset();
    if (!why.empty() && scheduler_.failures(key) == 0) tell(Severity::error, "delivery_failed", why, &job);
    scheduler_.retry(key, now_.mono_ns, random_());
    counters_.retries.fetch_add(1, std::memory_order_relaxed);
}

void Drain::bury() {
    std::vector<Burial> burials;
    burials.swap(burials_);
    std::vector<DeadLetter> letters(burials.size());
    for (std::size_t i = 0; i < burials.size(); ++i) {
        const Job& job = jobs_.at(burials[i].key);
        letters[i].id = job.id;
        letters[i].envelope = job.envelope();
        letters[i].content = job.content();
        letters[i].trace_bytes = job.trace_bytes;
        letters[i].wall_us = now_.wall_us;
        letters[i].attempts = scheduler_.failures(burials[i].key) + 1;
        letters[i].reason = burials[i].reason;
    }
    const Status written = dead_.write(letters);
    for (std::size_t i = 0; i < burials.size(); ++i) {
        const Key key = burials[i].key;
        if (!letters[i].kept) {
            fail(key, "it cannot be kept as a dead letter: " + (written.ok() ? "" : written.error().message));
            continue;
        }
        tell(Severity::warning, "dead_letter", burials[i].reason, &jobs_.at(key));
        finish(key, false);
    }
}

// --- reading
// -----------------------------------------------------------------------------------------------------

void Drain::read_log() {
    if (now_.mono_ns < no_reading_before_ns_) return;
    std::set<std::uint32_t> dry;  // shards that have nothing more, as of this turn
    for (std::size_t count = 0; count < kReadBatch && scheduler_.wants_more(); ++count) {
        for (auto& [shard, head] : heads_) {
            if (head || dry.contains(shard)) continue;
            auto next = reader_->next_of(shard);
            if (!next) {
                no_reading_before_ns_ = now_.mono_ns + kPauseNs;
                if (!std::exchange(read_failed_, true))
                    tell(Severity::error, "delivery_failed", next.error().message);
                return;
            }
            read_failed_ = false;
            head = std::move(*next);
            if (!head) dry.insert(shard);
        }
        const auto message = oldest_head();
        if (!message) return;
        know(*message, false);
    }
}

// Of the shards' next messages the one that was received first: ids rise with time.
std::optional<StoredMessage> Drain::oldest_head() {
    std::optional<StoredMessage>* oldest = nullptr;
    for (auto& [shard, head] : heads_) {
        if (head && (oldest == nullptr || head->id < (*oldest)->id)) oldest = &head;
    }
    if (oldest == nullptr) return std::nullopt;
    return std::exchange(*oldest, std::nullopt);
}

void Drain::know(const StoredMessage& message, bool letter) {
    Job job;
    job.cursor = message.cursor;
    job.id = message.id;
    job.envelope_bytes = static_cast<std::uint32_t>(message.envelope.size());
    job.trace_bytes = message.trace_bytes;
    job.body_bytes = message.body_bytes;
    job.letter = letter;
    job.since_ms = letter ? now_.wall_us / 1000 : message.id.unix_ms();
    const std::uint64_t octets = job.octets();
    jobs_.emplace(scheduler_.add(octets, domain_keys(message.envelope)), std::move(job));
}

// Once a second: shards that have appeared, and dead letters to be delivered once more.
void Drain::look_for_requests() {
    const auto shards = reader_->shards();
    for (const std::uint32_t shard : shards.ok() ? *shards : std::vector<std::uint32_t>{})
        heads_.try_emplace(shard);
    const auto requests = requeue_requests(dead_.path());
    if (!requests) return;
    for (const Cursor& cursor : *requests) {
        if (requested_.contains(cursor) || !scheduler_.wants_more()) continue;
        if (letters_ == nullptr) {
            auto reader = SpoolReader::open(dead_.path(), {.acknowledged = true});
            if (!reader) return;
            letters_ = std::move(*reader);
        }
        const auto letter = letters_->at(cursor);
        if (!letter) return;
        if (!*letter || (*letter)->acknowledged) {  // a crash came between acknowledging and taking it back
            (void)take_back_request(dead_.path(), cursor);
            continue;
        }
        requested_.insert(cursor);
        know(**letter, true);
    }
}

// --- submitting
// --------------------------------------------------------------------------------------------------

Status Drain::load(Job& job) {
    StoredMessage message;
    message.cursor = job.cursor;
    message.trace_bytes = job.trace_bytes;
    message.body_bytes = job.body_bytes;
    message.envelope.resize(job.envelope_bytes);  // its length is what counts
    job.bytes = std::make_unique_for_overwrite<std::byte[]>(job.octets());
    std::uint64_t filled = 0;
    SpoolReader& reader = job.letter ? *letters_ : *reader_;
    Status read = reader.read(message, Section::whole, [&](Bytes piece) {
        if (filled + piece.size() > job.octets()) return false;
        std::memcpy(job.bytes.get() + filled, piece.data(), piece.size());
        filled += piece.size();
        return true;
    });
    if (read.ok() && filled != job.octets()) return Error{EIO, "it is not whole"};
    return read;
}

// Submits what may go now. True: there may be more.
bool Drain::submit() {
    if (target_full_ || done_.size() >= limits::delivery_unacknowledged_max) return false;
    std::vector<Key> keys;
    std::vector<Bytes> contents(kSubmitBatch);
    std::vector<plugin::Submission> batch;
    while (keys.size() < kSubmitBatch) {
        const auto key = scheduler_.next(now_.mono_ns);
        if (!key) break;
        Job& job = jobs_.at(*key);
        if (late_ != nullptr && late_->has(job.id)) {
            finish(*key, true);
            continue;
        }
        if (const Status loaded = load(job); !loaded) {
            fail(*key, loaded.error().message);
            continue;
        }
        Bytes& content = contents[keys.size()];
        content = job.content();
        batch.push_back({job.id, without_death(job.envelope()), {&content, 1}, *key});
        keys.push_back(*key);
    }
    if (keys.empty()) return false;
    const std::size_t taken = target_.submit(batch);
    target_full_ = taken < keys.size();
    for (std::size_t i = taken; i < keys.size(); ++i) {
        jobs_.at(keys[i]).bytes.reset();
        scheduler_.put_back(keys[i]);
    }
    return !target_full_ && keys.size() == kSubmitBatch;
}

// --- acknowledging
// --------------------------------------------------------------------------------------------------

void Drain::acknowledge(bool all) {
    if (done_.empty() && letters_done_.empty()) return;
    const bool due =
        all || done_.size() >= limits::delivery_ack_batch || now_.mono_ns >= done_since_ns_ + kAckDelayNs;
    if (!due || (!all && now_.mono_ns < no_acks_before_ns_)) return;
    Status acked = done_.empty() ? ok_status() : reader_->ack(done_);
    if (acked.ok()) {
        counters_.acknowledged.fetch_add(done_.size(), std::memory_order_relaxed);
        done_.clear();
        acked = letters_done_.empty() ? ok_status() : acknowledge_letters();
    }
    if (acked.ok()) {
        ack_failed_ = false;
        return;
    }
    no_acks_before_ns_ = now_.mono_ns + kPauseNs;
    if (!std::exchange(ack_failed_, true))
        tell(Severity::error, "delivery_failed",
             "what was delivered cannot be acknowledged: " + acked.error().message);
}

// Through a reader of its own, so that the consumer's lock is not kept from `ringmxctl spool --dead ack`.
Status Drain::acknowledge_letters() {
    auto reader = SpoolReader::open(dead_.path());
    if (!reader) return reader.error();
    if (Status acked = (*reader)->ack(letters_done_); !acked) return acked;
    for (const Cursor& cursor : letters_done_) {
        if (Status removed = take_back_request(dead_.path(), cursor); !removed) return removed;
        requested_.erase(cursor);
    }
    letters_done_.clear();
    return ok_status();
}

// --- telling
// -----------------------------------------------------------------------------------------------------

void Drain::tell(Severity severity, std::string_view event, std::string_view text, const Job* job) {
    const MessageId::Text id = job == nullptr ? MessageId::Text{} : job->id.text();
    observer_.event(severity, event, text, job == nullptr ? std::string_view{} : as_text(id));
}

void Drain::update_gauges() {
    counters_.in_flight.store(scheduler_.in_flight(), std::memory_order_relaxed);
    counters_.octets_in_flight.store(scheduler_.octets_in_flight(), std::memory_order_relaxed);
    counters_.waiting_domains.store(scheduler_.waiting_domains(), std::memory_order_relaxed);
    const auto oldest = scheduler_.oldest();
    counters_.oldest_ms.store(oldest ? jobs_.at(*oldest).id.unix_ms() : 0, std::memory_order_relaxed);
}

}  // namespace ringmx::storage::delivery
