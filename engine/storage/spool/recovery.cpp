#include "storage/spool/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr std::size_t kProblemsMax = 100;
constexpr std::size_t kZeroBytes = 1u << 20;  // one write of zeros

class Recovery {
 public:
    Recovery(FileSystem& files, const SpoolOptions& options, std::uint32_t shard, std::uint64_t tag,
             RecoveryReport& report)
        : files_(files),
          options_(options),
          path_(options.path + "/" + shard_name(shard)),
          shard_(shard),
          tag_(tag),
          report_(report) {}

    Result<ShardStart> run(bool served) {
        Status done = sweep();
        if (!done) return done.error();
        // Decide on durable names only: a rename that we see but the disk has not kept could be undone later.
        done = files_.sync_directory(path_);
        if (!done) return done.error();
        auto replay = replay_shard(files_, path_, shard_, tag_, {.sync_first = true});
        if (!replay) return replay.error();
        add_to_report(*replay);
        for (SegmentSummary& segment : replay->segments) {
            done = close_open_end(segment);
            if (!done) return done.error();
        }
        ShardStart start;
        start.shard = shard_;
        start.tag = tag_;
        start.segment_bytes = options_.segment_bytes;
        start.min_free_bytes = options_.min_free_bytes;
        start.segments = std::move(replay->segments);
        done = served ? make_ready(start) : remove_unneeded(start);
        if (!done) return done.error();
        start.next_sequence = highest_ + 1;
        return start;
    }

 private:
    Status sweep();
    Status close_open_end(SegmentSummary& segment);
    Status make_ready(ShardStart& start);
    Status prepare(const std::string& name);
    Status remove_unneeded(const ShardStart& start);
    void add_to_report(const ShardReplay& replay);
    std::string path_of(const std::string& name) const { return path_ + "/" + name; }

    FileSystem& files_;
    const SpoolOptions& options_;
    std::string path_;
    std::uint32_t shard_;
    std::uint64_t tag_;
    RecoveryReport& report_;
    std::uint64_t highest_ = 0;  // sequence number in any name
};

// Removes half-prepared segments and the ack files of segments that are gone.
Status Recovery::sweep() {
    const auto entries = files_.list(path_);
    if (!entries) return entries.error();
    std::vector<std::uint64_t> logs;
    for (const DirectoryEntry& entry : *entries) {
        if (const auto sequence = parse_segment_name(entry.name)) {
            logs.push_back(*sequence);
            highest_ = std::max(highest_, *sequence);
        }
    }
    for (const DirectoryEntry& entry : *entries) {
        const auto acks = parse_acks_name(entry.name);
        if (acks) highest_ = std::max(highest_, *acks);
        const bool orphan = acks && std::find(logs.begin(), logs.end(), *acks) == logs.end();
        if (!orphan && !is_preparation_name(entry.name)) continue;
        const Status removed = files_.remove(path_of(entry.name));
        if (!removed) return removed;
    }
    return ok_status();
}

// Writes the footer of a segment that was in use when the server ended: where its log ends is decided once.
Status Recovery::close_open_end(SegmentSummary& segment) {
    if (segment.closed || segment.file_bytes < 2 * kFooterBytes) return ok_status();
    auto file = files_.open(path_of(segment_name(segment.sequence)), OpenMode::write);
    if (!file) return file.error();
    FrameHeader footer;
    footer.kind = FrameKind::footer;
    footer.tag = tag_;
    footer.segment = segment.sequence;
    footer.offset = static_cast<std::uint32_t>(segment.file_bytes / kBlockBytes * kBlockBytes - kFooterBytes);
    footer.durable_end = segment.end;
    std::vector<std::byte> block(kFooterBytes);
    encode_frame_header(footer, block.data());
    const Status written = (*file)->write_at(footer.offset, block);
    if (!written) return written;
    return (*file)->sync();
}

// Gives empty segments new numbers, for something of theirs may stand in them behind a torn write; else
// prepares one.
Status Recovery::make_ready(ShardStart& start) {
    std::vector<SegmentSummary> kept;
    for (SegmentSummary& segment : start.segments) {
        const std::string path = path_of(segment_name(segment.sequence));
        const bool empty = segment.end == 0 && segment.live == 0;
        if (!empty || segment.file_bytes != options_.segment_bytes || start.ready.size() >= 2) {
            kept.push_back(std::move(segment));
            continue;
        }
        const Status renamed = files_.rename(path, path_of(segment_name(++highest_)));
        if (!renamed) return renamed;
        start.ready.push_back(highest_);
    }
    start.segments = std::move(kept);
    if (start.ready.empty()) {
        const std::string name = segment_name(++highest_);
        const Status prepared = prepare(name);
        // A full disk is no reason not to start: what is stored can be read, and new mail is answered 452.
        if (!prepared && prepared.error().code != ENOSPC && prepared.error().code != EDQUOT) return prepared;
        if (prepared) start.ready.push_back(highest_);
    }
    return files_.sync_directory(path_);
}

Status Recovery::prepare(const std::string& name) {
    const std::string temporary = path_of(preparation_name(highest_));
    Status done = ok_status();
    {
        auto file = files_.open(temporary, OpenMode::create_new);
        if (!file) return file.error();
        const std::vector<std::byte> zeros(kZeroBytes);
        for (std::uint64_t at = 0; done.ok() && at < options_.segment_bytes; at += kZeroBytes) {
            const auto bytes = std::min<std::uint64_t>(kZeroBytes, options_.segment_bytes - at);
            done = (*file)->write_at(at, Bytes{zeros}.first(bytes));
        }
        if (done.ok()) done = (*file)->sync();
    }
    if (done.ok()) done = files_.rename(temporary, path_of(name));
    if (!done.ok()) (void)files_.remove(temporary);
    return done;
}

// Nobody will write to this shard. The highest segment stays: its name holds the numbers that were used.
Status Recovery::remove_unneeded(const ShardStart& start) {
    bool any = false;
    for (const SegmentSummary& segment : start.segments) {
        if (segment.live != 0 || segment.sequence == highest_) continue;
        const Status removed = files_.remove(path_of(segment_name(segment.sequence)));
        if (!removed) return removed;
        any = true;
    }
    return any ? files_.sync_directory(path_) : ok_status();  // ack files left over go at the next start
}

void Recovery::add_to_report(const ShardReplay& replay) {
    ++report_.shards;
    for (const SegmentSummary& segment : replay.segments)
        report_.segments += segment.frames != 0;
    report_.messages += replay.messages - replay.acknowledged;
    report_.bytes += replay.bytes;
    report_.torn_ends += replay.torn_ends;
    report_.corruptions += replay.corruptions;
    for (const Problem& problem : replay.problems) {
        if (report_.problems.size() >= kProblemsMax) break;
        report_.problems.push_back(std::string(to_string(problem.kind)) + " at " + problem.place.text() +
                                   ": " + problem.text);
    }
}

}  // namespace

Result<ShardStart> recover_shard(FileSystem& files, const SpoolOptions& options, std::uint32_t shard,
                                 std::uint64_t tag, bool served, RecoveryReport& report) {
    return Recovery(files, options, shard, tag, report).run(served);
}

}  // namespace ringmx::storage::spool
