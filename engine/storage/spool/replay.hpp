// Replay of a whole shard: every segment in order, every message that is committed and whole, and everything
// that is wrong. Recovery and `verify` are this; docs/spool-format.md has the rules.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "storage/spool/acks.hpp"
#include "storage/spool/file_system.hpp"
#include "storage/spool/format.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/segment_walk.hpp"

namespace ringmx::storage::spool {

// A committed message whose first frame is in an earlier segment than its commit frame.
struct Span {
    std::uint32_t commit_offset = 0;
    std::uint64_t first_segment = 0;
};

struct SegmentSummary {
    std::uint64_t sequence = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t frames = 0;
    std::uint64_t messages = 0;  // commit frames of whole messages, acknowledged ones included
    std::uint32_t live = 0;      // unacknowledged messages with a frame in this segment
    std::uint32_t end = 0;       // where its log ends: of good frames and of what was acknowledged
    bool closed = false;         // it has a footer
    bool torn = false;           // it ends in something that was never acknowledged
    AckSet acks;
    std::uint64_t acks_bytes = 0;  // good part of its ack file
    std::vector<Span> spans;       // unacknowledged messages that begin in an earlier segment
    // For each commit frame here whose message failed for a frame in an earlier segment: that segment. It
    // must stay as long as this one: else the frame would be missing, rather than known not to count.
    std::vector<std::uint64_t> needs;
};

struct ShardReplay {
    std::vector<SegmentSummary> segments;  // ascending
    std::uint64_t messages = 0;            // whole, acknowledged ones included
    std::uint64_t acknowledged = 0;        // of these
    std::uint64_t bytes = 0;               // of the unacknowledged
    std::uint64_t bytes_all = 0;
    std::uint64_t frames = 0;
    std::vector<Problem> problems;
    std::uint64_t torn_ends = 0;
    std::uint64_t corruptions = 0;
};

struct ReplayOptions {
    bool sync_first = false;  // fsync every open segment before reading it: decide on durable data only
    bool live = false;        // a server may be writing: an open end is no torn end
};

// The segments of a shard's directory, ascending.
Result<std::vector<std::uint64_t>> list_segments(FileSystem& files, const std::string& shard_path);

// Whether the name still means the file: false once the segment was recycled.
bool still_there(FileSystem& files, const std::string& path, std::uint64_t identity);

// What frames of the segments after `sequence` say was acknowledged of it; 0: nothing.
Result<std::uint32_t> claimed_durable_end(FileSystem& files, const std::string& shard_path, std::uint64_t tag,
                                          std::uint64_t sequence, const std::vector<std::uint64_t>& segments);

Result<ShardReplay> replay_shard(FileSystem& files, const std::string& shard_path, std::uint32_t shard,
                                 std::uint64_t tag, const ReplayOptions& options);

}  // namespace ringmx::storage::spool
