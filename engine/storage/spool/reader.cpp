#include "storage/spool/reader.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "storage/spool/shard_reader.hpp"
#include "storage/spool/spool_state.hpp"

namespace ringmx::storage::spool {

struct SpoolReader::State {
    FileSystem& files;
    std::string path;
    std::uint64_t tag = 0;
    ReadOptions options;
    std::map<std::uint32_t, ShardReader> shards;
    std::uint32_t turn = 0;  // the shard that next() reads
    std::vector<Problem> problems;

    State(FileSystem& file_system, std::string spool_path, std::uint64_t spool_tag, ReadOptions read_options)
        : files(file_system), path(std::move(spool_path)), tag(spool_tag), options(read_options) {}

    // Takes in shards that have appeared.
    Status refresh() {
        const auto entries = files.list(path);
        if (!entries) return entries.error();
        for (const DirectoryEntry& entry : *entries) {
            const auto shard = parse_shard_name(entry.name);
            if (shard && entry.directory) shards.try_emplace(*shard, files, path, *shard, tag, options);
        }
        return ok_status();
    }
};

std::string_view to_string(Problem::Kind kind) {
    return kind == Problem::Kind::torn_end ? "torn end" : "corruption";
}

SpoolReader::SpoolReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SpoolReader::~SpoolReader() = default;

Result<std::unique_ptr<SpoolReader>> SpoolReader::open(const std::string& path, ReadOptions options) {
    return open(posix_file_system(), path, options);
}

Result<std::unique_ptr<SpoolReader>> SpoolReader::open(FileSystem& files, const std::string& path,
                                                       ReadOptions options) {
    const auto tag = read_tag(files, path);
    if (!tag) {
        if (tag.error().code == ENOENT) return Error{ENOENT, path + " is not a spool: it has no spool.meta"};
        return tag.error();
    }
    auto state = std::make_unique<State>(files, path, *tag, options);
    const Status refreshed = state->refresh();
    if (!refreshed) return refreshed.error();
    return std::unique_ptr<SpoolReader>(new SpoolReader(std::move(state)));
}

Result<std::vector<std::uint32_t>> SpoolReader::shards() {
    const Status refreshed = state_->refresh();
    if (!refreshed) return refreshed.error();
    std::vector<std::uint32_t> found;
    for (const auto& [shard, reader] : state_->shards)
        found.push_back(shard);
    return found;
}

Result<std::optional<StoredMessage>> SpoolReader::next() {
    using Found = std::optional<StoredMessage>;
    State& state = *state_;
    if (state.shards.empty()) {
        const Status refreshed = state.refresh();
        if (!refreshed) return refreshed.error();
    }
    // From the shard whose turn it is, through the others, once around.
    for (std::size_t tried = 0; tried < state.shards.size(); ++tried) {
        auto shard = state.shards.lower_bound(state.turn);
        if (shard == state.shards.end()) shard = state.shards.begin();
        state.turn = shard->first;
        auto message = shard->second.next(state.problems);
        if (!message || *message) return message;
        state.turn = shard->first + 1;
    }
    const Status refreshed = state.refresh();
    if (!refreshed) return refreshed.error();
    return Found{};
}

Result<std::optional<StoredMessage>> SpoolReader::next_of(std::uint32_t shard) {
    using Found = std::optional<StoredMessage>;
    const auto found = state_->shards.find(shard);
    if (found == state_->shards.end()) return Found{};
    return found->second.next(state_->problems);
}

Result<bool> SpoolReader::claim() {
    const Status refreshed = state_->refresh();
    if (!refreshed) return refreshed.error();
    for (auto& [number, shard] : state_->shards) {
        const Status locked = shard.lock_consumer();
        if (locked.ok()) continue;
        if (locked.error().code == EWOULDBLOCK) return false;
        return locked.error();
    }
    return true;
}

void SpoolReader::seek_behind(const Cursor& cursor) {
    const auto shard = state_->shards.find(cursor.shard);
    if (shard != state_->shards.end()) shard->second.seek_behind(cursor.segment, cursor.offset);
}

Status SpoolReader::seek_end() {
    for (auto& [number, shard] : state_->shards) {
        const Status done = shard.seek_end();
        if (!done) return done;
    }
    return ok_status();
}

void SpoolReader::rewind() {
    for (auto& [number, shard] : state_->shards)
        shard.seek_behind(0, 0);
    state_->turn = 0;
    state_->problems.clear();
}

Result<std::optional<StoredMessage>> SpoolReader::find(const MessageId& id) {
    using Found = std::optional<StoredMessage>;
    const Status refreshed = state_->refresh();
    if (!refreshed) return refreshed.error();
    for (auto& [number, shard] : state_->shards) {
        auto message = shard.find(id);
        if (!message || *message) return message;
    }
    return Found{};
}

Result<std::optional<StoredMessage>> SpoolReader::at(const Cursor& cursor) {
    using Found = std::optional<StoredMessage>;
    const auto shard = state_->shards.find(cursor.shard);
    if (shard == state_->shards.end()) return Found{};
    return shard->second.at(cursor.segment, cursor.offset);
}

Status SpoolReader::read(const StoredMessage& message, Section section, const Take& take) {
    const auto shard = state_->shards.find(message.cursor.shard);
    if (shard == state_->shards.end()) return Error{ENOENT, "no message at " + message.cursor.text()};
    const std::uint64_t content = message.envelope.size();
    const std::uint64_t body = content + message.trace_bytes;
    const std::uint64_t begin = section == Section::whole ? 0 : section == Section::content ? content : body;
    return shard->second.finder().read(message.cursor, begin, body + message.body_bytes, take);
}

Status SpoolReader::ack(std::span<const Cursor> cursors) {
    std::vector<Cursor> sorted(cursors.begin(), cursors.end());
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t begin = 0; begin < sorted.size();) {
        std::size_t end = begin;
        while (end < sorted.size() && sorted[end].shard == sorted[begin].shard &&
               sorted[end].segment == sorted[begin].segment) {
            ++end;
        }
        const auto shard = state_->shards.find(sorted[begin].shard);
        if (shard == state_->shards.end()) return Error{ENOENT, "no shard of " + sorted[begin].text()};
        const Status done = shard->second.ack({sorted.data() + begin, end - begin});
        if (!done) return done;
        begin = end;
    }
    return ok_status();
}

std::span<const Problem> SpoolReader::problems() const {
    return state_->problems;
}

Result<VerifyReport> SpoolReader::verify() {
    const Status refreshed = state_->refresh();
    if (!refreshed) return refreshed.error();
    // Only a server that holds the lock writes.
    bool live = false;
    if (auto file = state_->files.open(state_->path + "/" + std::string(kLockName), OpenMode::read);
        file.ok()) {
        const auto free = (*file)->try_lock();
        live = free.ok() && !*free;
    }
    VerifyReport report;
    for (auto& [number, shard] : state_->shards) {
        auto replay = replay_shard(state_->files, shard.path(), number, state_->tag, {.live = live});
        if (!replay) return replay.error();
        ++report.shards;
        for (const SegmentSummary& segment : replay->segments)
            report.segments += segment.frames != 0;
        report.frames += replay->frames;
        report.messages += replay->messages;
        report.acknowledged += replay->acknowledged;
        report.bytes += replay->bytes_all;
        report.torn_ends += replay->torn_ends;
        report.corruptions += replay->corruptions;
        for (Problem& problem : replay->problems) {
            if (report.problems.size() >= VerifyReport::kProblemsMax) break;
            report.problems.push_back(std::move(problem));
        }
    }
    return report;
}

}  // namespace ringmx::storage::spool
