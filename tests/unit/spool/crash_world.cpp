#include "crash_world.hpp"

#include <algorithm>
#include <cerrno>

#include "storage/spool/spool_state.hpp"

namespace ringmx::storage::spool::test {
namespace {

constexpr std::uint64_t kSegmentBytes = 160u << 10;  // two large frames and some small ones: much rolling
constexpr std::size_t kStreamsMax = 3;
constexpr int kSettleStepsMax = 20'000;

}  // namespace

CrashWorld::CrashWorld(std::uint64_t seed)
    : seed_(seed), random_(seed), disk_(seed ^ 0x5eed), ids_(seed + 1) {
    options_.path = "/spool";
    options_.segment_bytes = kSegmentBytes;
    options_.min_free_bytes = 0;
    if (chance(random_, 300)) disk_.capacity = (3 + random_() % 6) * kSegmentBytes;
}

CrashWorld::~CrashWorld() {
    if (backend_ != nullptr) disk_.crash();
}

void CrashWorld::fail(std::string text) {
    if (failure_.empty()) failure_ = "seed " + std::to_string(seed_) + ": " + text;
}

CrashWorld::Tracked* CrashWorld::tracked_of(const MessageId& id) {
    const auto found = messages_.find(id);
    return found == messages_.end() ? nullptr : &found->second;
}

std::string CrashWorld::run() {
    const std::uint64_t lives = 2 + random_() % 4;
    for (std::uint64_t life = 0; life < lives && failure_.empty(); ++life) {
        ++totals.lives;
        disk_.write_errors_per_thousand =
            chance(random_, 300) ? static_cast<std::uint32_t>(1 + random_() % 100) : 0;
        if (!recover()) break;
        check();
        live();
        if (!failure_.empty()) break;
        if (chance(random_, 150)) {  // a clean stop
            disk_.write_errors_per_thousand = 0;
            settle();
            if (!failure_.empty()) break;
            backend_->close();
        } else if (chance(random_, 300)) {
            disk_.kill_process();
        } else {
            disk_.crash();
        }
        backend_.reset();
        spool_.reset();
        if (chance(random_, 500)) disk_.crash();  // the machine, too
        streaming_.clear();
    }
    return failure_;
}

// Opens the spool, which may itself be cut off by the next crash.
bool CrashWorld::recover() {
    for (int attempt = 0;; ++attempt) {
        if (attempt < 3 && chance(random_, 300))
            disk_.blocking_until_crash = static_cast<int>(random_() % 60);
        auto opened = Spool::open(disk_, options_);
        if (opened.ok()) {
            spool_ = std::move(*opened);
            disk_.blocking_until_crash = -1;
            break;
        }
        if (disk_.blocking_until_crash != 0) {
            fail("cannot open: " + opened.error().message);
            return false;
        }
        ++totals.recoveries_cut_off;
        disk_.crash();
    }
    totals.torn_ends += spool_->report().torn_ends;
    if (spool_->report().corruptions != 0) {
        fail("recovery reports corruption: " + spool_->report().problems.front());
        return false;
    }
    auto start = take_start(*spool_, 0);
    auto disk = std::make_unique<SimShard>(disk_, options_.path + "/" + shard_name(0));
    shard_ = disk.get();
    auto made = SpoolBackend::create(std::move(*start), std::move(disk), *this);
    if (!made.ok()) {
        fail("no backend: " + made.error().message);
        return false;
    }
    backend_ = std::move(*made);
    return true;
}

// --- work
// ----------------------------------------------------------------------------------------------------------------

void CrashWorld::live() {
    for (std::uint64_t steps = random_() % 120; steps > 0 && failure_.empty(); --steps)
        step();
}

void CrashWorld::step() {
    const std::uint64_t what = random_() % 100;
    if (what < 30) {
        submit_whole();
    } else if (what < 42) {
        stream_step();
    } else if (what < 60) {
        backend_->flush();
    } else if (what < 90) {
        shard_->finish_one();
    } else if (what < 96) {
        now_.mono_ns += kNsPerSecond / 4;
        backend_->tick(now_);
    } else if (what < 98) {
        now_.mono_ns += 2 * kNsPerSecond;
        backend_->tick(now_);
        for (int i = 0; i < 8; ++i)
            shard_->finish_one();
    } else {
        consume(true);
    }
}

void CrashWorld::submit_whole() {
    const std::uint64_t mood = random_() % 100;
    const std::size_t size = mood < 70   ? random_() % 3000
                             : mood < 90 ? random_() % 40'000
                                         : random_() % 200'000;
    Tracked tracked;
    tracked.message = TestMessage::make(ids_.next(now_.wall_us), size, random_());
    const MessageId id = tracked.message->message.id;
    ++totals.submitted;
    const StoreRequest request{StoreOp::commit, &tracked.message->message, nullptr};
    messages_.emplace(id, std::move(tracked));
    backend_->submit({&request, 1});
}

// One step of a message that is streamed: its next full chunk, or its commit, or its abort.
void CrashWorld::stream_step() {
    if (streaming_.size() < kStreamsMax && (streaming_.empty() || chance(random_, 300))) {
        Tracked tracked;
        tracked.message = TestMessage::make(ids_.next(now_.wall_us), 70'000 + random_() % 150'000, random_());
        tracked.open = true;
        streaming_.push_back(tracked.message->message.id);
        messages_.emplace(streaming_.back(), std::move(tracked));
        ++totals.submitted;
    }
    const std::size_t index = random_() % streaming_.size();
    Tracked& tracked = *tracked_of(streaming_[index]);
    Message& message = tracked.message->message;
    StoreRequest request{StoreOp::abort, &message, nullptr};
    if (message.part_failed || chance(random_, 50)) {
        request.op = StoreOp::abort;
    } else if (message.first != message.last && !chance(random_, 100)) {
        request.op = StoreOp::part;
        request.chunk = message.first;
        message.first = message.first->next;
        request.chunk->next = nullptr;
        ++message.parts_submitted;
        ++tracked.parts_pending;
    } else {
        request.op = StoreOp::commit;
    }
    if (request.op != StoreOp::part)
        streaming_.erase(streaming_.begin() + static_cast<std::ptrdiff_t>(index));
    backend_->submit({&request, 1});
}

void CrashWorld::part_done(Message* message, Chunk* chunk, StoreStatus status) {
    Tracked* tracked = tracked_of(message->id);
    if (tracked == nullptr || tracked->ended || tracked->parts_pending == 0)
        return fail("part_done out of place");
    --tracked->parts_pending;
    if (status != StoreStatus::stored) message->part_failed = true;
    std::memset(chunk->memory, 0x55, chunk->capacity);  // it is the pool's again
}

void CrashWorld::message_done(Message* message, StoreStatus status, std::string_view) {
    Tracked* tracked = tracked_of(message->id);
    if (tracked == nullptr || tracked->ended) return fail("message_done twice");
    if (tracked->parts_pending != 0) return fail("message_done before part_done");
    tracked->ended = true;
    tracked->stored = status == StoreStatus::stored;
    if (status == StoreStatus::stored && message->part_failed) fail("stored without a part");
    ++(status == StoreStatus::stored    ? totals.stored
       : status == StoreStatus::aborted ? totals.aborted
                                        : totals.failed);
    for (const OwnedChunk& chunk : tracked->message->chunks)
        std::memset(chunk->memory, 0x55, chunk->capacity);
}

// Finishes everything that is outstanding; with a disk that works, that must come to an end.
void CrashWorld::settle() {
    for (const MessageId& id : streaming_) {
        const StoreRequest request{StoreOp::abort, &tracked_of(id)->message->message, nullptr};
        backend_->submit({&request, 1});
    }
    streaming_.clear();
    for (int steps = 0; backend_->outstanding() != 0; ++steps) {
        if (steps == kSettleStepsMax) return fail("requests are never answered");
        backend_->flush();
        if (!shard_->finish_one()) {
            now_.mono_ns += kNsPerSecond;
            backend_->tick(now_);
        }
    }
}

// --- reading back
// ----------------------------------------------------------------------------------------------------------

// A consumer: reads some messages and acknowledges some of them. `in_passing`: beside the running server.
void CrashWorld::consume(bool in_passing) {
    auto reader = SpoolReader::open(disk_, options_.path, {});
    if (!reader.ok()) return fail("consumer cannot open: " + reader.error().message);
    for (std::uint64_t count = 1 + random_() % 20; count > 0; --count) {
        const auto found = (*reader)->next();
        if (!found.ok()) return fail("consumer: " + found.error().message);
        if (!*found) break;
        Tracked* tracked = tracked_of((*found)->id);
        if (tracked == nullptr) return fail("consumer sees a message that never was");
        if (tracked->consumed) return fail("consumer sees an acknowledged message again");
        if (chance(random_, 200)) continue;
        if (chance(random_, 30)) {  // the consumer dies in the middle
            disk_.blocking_until_crash = static_cast<int>(random_() % 12);
            const Status cut_off = (*reader)->ack({&(*found)->cursor, 1});
            disk_.blocking_until_crash = -1;
            (cut_off.ok() ? tracked->consumed : tracked->may_be_consumed) = true;
            return;
        }
        const Status acknowledged = (*reader)->ack({&(*found)->cursor, 1});
        if (!acknowledged.ok()) return fail("ack: " + acknowledged.error().message);
        tracked->consumed = true;
        ++totals.consumed;
    }
    if (in_passing && !(*reader)->problems().empty()) {
        for (const Problem& problem : (*reader)->problems()) {
            if (problem.kind == Problem::Kind::corruption) fail("consumer sees corruption: " + problem.text);
        }
    }
}

void CrashWorld::check() {
    auto reader = SpoolReader::open(disk_, options_.path, {});
    if (!reader.ok()) return fail("cannot read: " + reader.error().message);
    std::set<MessageId> seen;
    for (;;) {
        const auto found = (*reader)->next();
        if (!found.ok()) return fail("reading: " + found.error().message);
        if (!*found) break;
        const std::string id((*found)->id.text().data(), MessageId::kTextLength);
        Tracked* tracked = tracked_of((*found)->id);
        if (tracked == nullptr) return fail("a message that never was submitted: " + id);
        if (!seen.insert((*found)->id).second) return fail("a message twice: " + id);
        if (tracked->consumed) return fail("an acknowledged message is back: " + id);
        const std::vector<std::byte>& expected = tracked->message->bytes;
        std::size_t at = 0;
        bool equal = true;
        const Status read = (*reader)->read(**found, Section::whole, [&](Bytes piece) {
            equal =
                equal && at + piece.size() <= expected.size() &&
                std::equal(piece.begin(), piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(at));
            at += piece.size();
            return true;
        });
        if (!read.ok()) return fail("body of " + id + ": " + read.error().message);
        if (!equal || at != expected.size()) return fail("other contents: " + id);
    }
    for (const auto& [id, tracked] : messages_) {
        if (tracked.stored && !tracked.consumed && !tracked.may_be_consumed && !seen.contains(id)) {
            return fail("lost: " + std::string(id.text().data(), MessageId::kTextLength));
        }
    }
    std::uint64_t whole = 0;
    whole = spool_->report().messages;
    if (whole != seen.size()) {
        return fail("recovery counts " + std::to_string(whole) + " messages, the reader " +
                    std::to_string(seen.size()));
    }
    // Messages of earlier lives that are neither here nor acknowledged will never be: forget them.
    std::erase_if(messages_,
                  [&](const auto& entry) { return entry.second.consumed && !seen.contains(entry.first); });
}

}  // namespace ringmx::storage::spool::test
