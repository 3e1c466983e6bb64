// MessageFinder: from a commit frame to the whole message: follows the links back to its first frame, across
// segments.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/spool/reader.hpp"
#include "storage/spool/segment_walk.hpp"

namespace ringmx::storage::spool {

class MessageFinder {
 public:
    MessageFinder(FileSystem& files, std::string shard_path, std::uint32_t shard, std::uint64_t tag)
        : files_(files), shard_path_(std::move(shard_path)), shard_(shard), tag_(tag) {}

    // The message of a commit frame; nothing if one of its frames is not there, or damaged in a way that
    // shows here: headers are checked, and the first payload, which has the envelope.
    Result<std::optional<StoredMessage>> message_of(const FrameHeader& commit);
    // The commit frame at a place; nothing if there is none, or if it stands behind the end of its segment's
    // log.
    Result<std::optional<FrameHeader>> commit_at(std::uint64_t segment, std::uint32_t offset);
    // Passes the whole message's bytes in [begin, end) to `take`, each frame checked before.
    Status read(const Cursor& cursor, std::uint64_t begin, std::uint64_t end, const SpoolReader::Take& take);

 private:
    // All frames of the message, the first one first; empty: not all there.
    Result<std::vector<FrameHeader>> frames_of(const FrameHeader& commit);
    Result<std::optional<Bytes>> payload_of(const FrameHeader& frame);
    // Null: no such segment (any more).
    Result<SegmentFile*> open(std::uint64_t segment);

    FileSystem& files_;
    std::string shard_path_;
    std::uint32_t shard_;
    std::uint64_t tag_;
    std::unique_ptr<SegmentFile> file_;  // the one used last
};

}  // namespace ringmx::storage::spool
