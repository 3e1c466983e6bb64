// ShardReader: one shard as a SpoolReader sees it: its position in the log, and its consumer's acknowledging.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/spool/acks.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/replay.hpp"
#include "storage/spool/segment_walk.hpp"
#include "storage/spool/stored_message.hpp"

namespace ringmx::storage::spool {

class ShardReader {
 public:
    ShardReader(FileSystem& files, const std::string& spool_path, std::uint32_t shard, std::uint64_t tag,
                ReadOptions options);

    Result<std::optional<StoredMessage>> next(std::vector<Problem>& problems);
    void seek_behind(std::uint64_t segment, std::uint32_t offset);
    Status seek_end();
    Result<std::optional<StoredMessage>> find(const MessageId& id);
    Result<std::optional<StoredMessage>> at(std::uint64_t segment, std::uint32_t offset);
    Status ack(std::span<const Cursor> cursors);  // all of one segment of this shard
    Status lock_consumer();                       // EWOULDBLOCK: another consumer has it
    MessageFinder& finder() { return finder_; }
    const std::string& path() const { return path_; }

 private:
    std::string path_of(std::uint64_t sequence) const { return path_ + "/" + segment_name(sequence); }
    // Opens the next segment to be read; false: there is none.
    Result<bool> open_next();
    // The current segment has no next frame: whether the next one's turn has come, because this one's end is
    // final or the reader does not wait for that.
    Result<bool> ended(std::vector<Problem>& problems);
    void note_gaps(std::vector<Problem>& problems);
    Result<bool> server_runs();
    Result<std::optional<StoredMessage>> message_at(std::uint64_t segment, std::uint32_t offset);
    Result<bool> never_was(std::uint64_t segment, std::uint32_t offset);
    void leave();

    FileSystem& files_;
    std::string spool_path_;
    std::string path_;
    std::uint32_t shard_;
    std::uint64_t tag_;
    ReadOptions options_;
    MessageFinder finder_;

    std::uint64_t segment_ = 0;  // being read, or to be read next
    std::uint32_t behind_ = 0;   // frames up to this offset were shown (seek_behind)
    bool skip_ = false;          // behind_ counts
    std::unique_ptr<SegmentFile> file_;
    std::unique_ptr<SegmentWalk> walk_;
    std::size_t gaps_noted_ = 0;
    AckSet acks_;
    std::unique_ptr<File> consumer_lock_;
};

}  // namespace ringmx::storage::spool
