#include "storage/spool/replay.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <unordered_map>

namespace ringmx::storage::spool {
namespace {

struct IdHash {
    std::size_t operator()(const MessageId& id) const {
        return static_cast<std::size_t>(load_le<std::uint64_t>(id.bytes.data()) ^
                                        load_le<std::uint64_t>(id.bytes.data() + 8) * 0x9e3779b97f4a7c15u);
    }
};

// The frames of a message seen so far.
struct Chain {
    std::uint64_t first_segment = 0;
    std::uint64_t last_segment = 0;
    std::uint32_t last_offset = 0;
    std::uint32_t parts = 0;
    std::uint64_t bytes = 0;
    bool whole = true;                  // every frame from part 0 on
    std::uint64_t missing_segment = 0;  // else: a place where one is missing
    std::uint32_t missing_offset = 0;
};

class Replay {
 public:
    Replay(FileSystem& files, const std::string& shard_path, std::uint32_t shard, std::uint64_t tag,
           const ReplayOptions& options)
        : files_(files), shard_path_(shard_path), shard_(shard), tag_(tag), options_(options) {}

    Result<ShardReplay> run() {
        const auto listed = list_segments(files_, shard_path_);
        if (!listed) return listed.error();
        sequences_ = *listed;
        for (const std::uint64_t sequence : sequences_) {
            const Status done = segment(sequence);
            if (!done) return done.error();
        }
        settle_broken();
        return std::move(result_);
    }

 private:
    std::string path_of(std::uint64_t sequence) const { return shard_path_ + "/" + segment_name(sequence); }

    Status segment(std::uint64_t sequence);
    Status walk(SegmentFile& file, SegmentSummary& summary);
    void take(const FrameHeader& header, SegmentSummary& summary);
    void commit(const FrameHeader& header, const Chain& chain, SegmentSummary& summary);
    void settle_broken();
    void report(Problem problem);
    SegmentSummary* find(std::uint64_t sequence);
    bool is_acknowledged(const Cursor& cursor);

    FileSystem& files_;
    const std::string& shard_path_;
    std::uint32_t shard_;
    std::uint64_t tag_;
    const ReplayOptions& options_;
    std::vector<std::uint64_t> sequences_;
    std::unordered_map<MessageId, Chain, IdHash> chains_;
    struct Broken {
        Cursor cursor;
        MessageId id;
        Chain chain;
    };
    std::vector<Broken> broken_;  // commits whose earlier frames are not all there
    ShardReplay result_;
};

Status Replay::segment(std::uint64_t sequence) {
    auto file = SegmentFile::open_whole(files_, path_of(sequence), sequence, tag_);
    if (!file) return file.error().code == ENOENT ? ok_status() : Status(file.error());
    const auto footer = (*file)->footer();
    if (!footer) return footer.error();
    if (options_.sync_first && !*footer) {
        const Status synced = (*file)->file().sync();
        if (!synced) return synced;
    }
    SegmentSummary& summary = result_.segments.emplace_back();
    summary.sequence = sequence;
    const auto bytes = (*file)->file().size();
    if (!bytes) return bytes.error();
    summary.file_bytes = *bytes;
    summary.closed = footer->has_value();
    const std::string acks_path = shard_path_ + "/" + acks_name(sequence);
    if (options_.sync_first) {  // a consumer may have died before it synced what it wrote
        auto file_of_acks = files_.open(acks_path, OpenMode::read);
        if (!file_of_acks && file_of_acks.error().code != ENOENT) return file_of_acks.error();
        if (file_of_acks) {
            const Status synced = (*file_of_acks)->sync();
            if (!synced) return synced;
        }
    }
    const auto acks = load_acks(files_, acks_path, sequence, 0, summary.acks);
    if (!acks) return acks.error();
    summary.acks_bytes = *acks;
    return walk(**file, summary);
}

Status Replay::walk(SegmentFile& file, SegmentSummary& summary) {
    SegmentWalk walk(file);
    const auto frames = [&]() -> Status {
        for (;;) {
            const auto frame = walk.next();
            if (!frame) return frame.error();
            if (!*frame) return ok_status();
            take(**frame, summary);
        }
    };
    Status done = frames();
    if (!done) return done;
    if (!walk.closed_end()) {
        const auto claimed = claimed_durable_end(files_, shard_path_, tag_, summary.sequence, sequences_);
        if (!claimed) return claimed.error();
        if (*claimed > walk.position()) {
            walk.learn_durable_end(*claimed);
            done = frames();
            if (!done) return done;
        }
    }
    summary.end = std::max(walk.position(), walk.durable_end());
    summary.torn = walk.torn();
    if (options_.live && !still_there(files_, path_of(summary.sequence), file.identity())) {
        return ok_status();  // recycled under us: all its messages were done
    }
    for (const Gap& gap : walk.gaps()) {
        report({Problem::Kind::corruption,
                {shard_, summary.sequence, gap.begin},
                gap.end - gap.begin,
                "acknowledged data is damaged: no good frame here, " + std::to_string(gap.end - gap.begin) +
                    " bytes to the next good place"});
    }
    if (walk.torn() && !options_.live) {
        report({Problem::Kind::torn_end,
                {shard_, summary.sequence, walk.position()},
                0,
                "the log of this segment ends in a write that was never acknowledged"});
    }
    return ok_status();
}

// A good frame, in log order.
void Replay::take(const FrameHeader& header, SegmentSummary& summary) {
    ++summary.frames;
    ++result_.frames;
    Chain chain;
    const auto known = chains_.find(header.id);
    if (known != chains_.end() && header.part != 0) chain = known->second;
    const bool fits = header.part == chain.parts && chain.last_segment == header.previous_part_segment &&
                      chain.last_offset == header.previous_part_offset &&
                      chain.bytes == header.payload_position;
    if (!fits && chain.whole) {
        chain.whole = false;
        chain.missing_segment = header.previous_part_segment;
        chain.missing_offset = header.previous_part_offset;
    }
    if (chain.parts == 0) chain.first_segment = summary.sequence;
    chain.parts = header.part + 1;
    chain.last_segment = summary.sequence;
    chain.last_offset = header.offset;
    chain.bytes = header.payload_position + header.payload_bytes;
    if (header.kind == FrameKind::part) {
        chains_[header.id] = chain;
        return;
    }
    if (known != chains_.end()) chains_.erase(known);
    const Cursor cursor{shard_, summary.sequence, header.offset};
    if (chain.whole) {
        commit(header, chain, summary);
    } else {
        broken_.push_back({cursor, header.id, chain});
    }
}

void Replay::commit(const FrameHeader& header, const Chain& chain, SegmentSummary& summary) {
    const std::uint64_t total = std::uint64_t{header.envelope_bytes} + header.trace_bytes + header.body_bytes;
    if (total != chain.bytes) {
        report({Problem::Kind::corruption,
                {shard_, summary.sequence, header.offset},
                0,
                "message " + std::string(as_text(header.id.text())) +
                    " states a length that its frames do not have"});
        return;
    }
    ++result_.messages;
    ++summary.messages;
    result_.bytes_all += total;
    if (summary.acks.contains(header.offset)) {
        ++result_.acknowledged;
        return;
    }
    result_.bytes += total;
    for (auto at = result_.segments.rbegin();  // ascending, and this one is the last
         at != result_.segments.rend() && at->sequence >= chain.first_segment; ++at) {
        ++at->live;
    }
    if (chain.first_segment != summary.sequence) {
        summary.spans.push_back({header.offset, chain.first_segment});
    }
}

SegmentSummary* Replay::find(std::uint64_t sequence) {
    for (SegmentSummary& segment : result_.segments) {
        if (segment.sequence == sequence) return &segment;
    }
    return nullptr;
}

bool Replay::is_acknowledged(const Cursor& cursor) {
    AckSet acks;
    const std::string path = shard_path_ + "/" + acks_name(cursor.segment);
    return load_acks(files_, path, cursor.segment, 0, acks).ok() && acks.contains(cursor.offset);
}

// Commits with missing frames: of an acknowledged message the segment may be recycled already, and what lies
// behind the torn end of a segment was never promised. The rest is a loss.
void Replay::settle_broken() {
    for (const Broken& broken : broken_) {
        SegmentSummary* at = find(broken.cursor.segment);
        if (at == nullptr || at->acks.contains(broken.cursor.offset)) continue;
        const SegmentSummary* missing = find(broken.chain.missing_segment);
        if (missing != nullptr && broken.chain.missing_offset >= missing->end) {
            if (missing == at) continue;
            const std::uint64_t first = std::min(missing->sequence, broken.chain.first_segment);
            at->needs.push_back(first);
            for (SegmentSummary& segment : result_.segments) {
                if (segment.sequence >= first && segment.sequence < at->sequence) ++segment.live;
            }
            continue;
        }
        if (options_.live && is_acknowledged(broken.cursor)) continue;
        report({Problem::Kind::corruption, broken.cursor, 0,
                "message " + std::string(as_text(broken.id.text())) + " lacks the part at " +
                    Cursor{shard_, broken.chain.missing_segment, broken.chain.missing_offset}.text()});
    }
}

void Replay::report(Problem problem) {
    ++(problem.kind == Problem::Kind::torn_end ? result_.torn_ends : result_.corruptions);
    if (result_.problems.size() < VerifyReport::kProblemsMax) result_.problems.push_back(std::move(problem));
}

}  // namespace

Result<std::vector<std::uint64_t>> list_segments(FileSystem& files, const std::string& shard_path) {
    const auto entries = files.list(shard_path);
    if (!entries) return entries.error();
    std::vector<std::uint64_t> sequences;
    for (const DirectoryEntry& entry : *entries) {
        if (const auto sequence = parse_segment_name(entry.name)) sequences.push_back(*sequence);
    }
    std::sort(sequences.begin(), sequences.end());
    return sequences;
}

bool still_there(FileSystem& files, const std::string& path, std::uint64_t identity) {
    const auto file = files.open(path, OpenMode::read);
    return file.ok() && (*file)->identity() == identity;
}

Result<std::uint32_t> claimed_durable_end(FileSystem& files, const std::string& shard_path, std::uint64_t tag,
                                          std::uint64_t sequence,
                                          const std::vector<std::uint64_t>& segments) {
    for (const std::uint64_t later : segments) {
        if (later <= sequence) continue;
        auto file = SegmentFile::open(files, shard_path + "/" + segment_name(later), later, tag);
        if (!file) continue;
        std::uint32_t claimed = 0;
        bool any = false;
        SegmentWalk walk(**file, false);
        for (;;) {
            const auto frame = walk.next();
            if (!frame) return frame.error();
            if (!*frame) break;
            any = true;
            if ((*frame)->previous_segment != sequence) break;
            claimed = std::max(claimed, (*frame)->previous_durable_end);
        }
        if (any) return claimed;  // only the segment written next speaks of this one
    }
    return std::uint32_t{0};
}

Result<ShardReplay> replay_shard(FileSystem& files, const std::string& shard_path, std::uint32_t shard,
                                 std::uint64_t tag, const ReplayOptions& options) {
    return Replay(files, shard_path, shard, tag, options).run();
}

}  // namespace ringmx::storage::spool
