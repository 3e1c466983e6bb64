#include "storage/spool/shard_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ringmx::storage::spool {

ShardReader::ShardReader(FileSystem& files, const std::string& spool_path, std::uint32_t shard,
                         std::uint64_t tag, ReadOptions options)
    : files_(files),
      spool_path_(spool_path),
      path_(spool_path + "/" + shard_name(shard)),
      shard_(shard),
      tag_(tag),
      options_(options),
      finder_(files, path_, shard, tag) {}

// --- the log, in order
// -------------------------------------------------------------------------------------------------

Result<bool> ShardReader::open_next() {
    const auto sequences = list_segments(files_, path_);
    if (!sequences) return sequences.error();
    for (auto at = std::lower_bound(sequences->begin(), sequences->end(), segment_); at != sequences->end();
         ++at) {
        auto file = SegmentFile::open(files_, path_of(*at), *at, tag_);
        if (!file && file.error().code == ENOENT) continue;
        if (!file) return file.error();
        if (*at != segment_) skip_ = false;
        segment_ = *at;
        file_ = std::move(*file);
        walk_ = std::make_unique<SegmentWalk>(*file_);
        gaps_noted_ = 0;
        acks_ = AckSet();
        const auto acks = load_acks(files_, path_ + "/" + acks_name(segment_), segment_, 0, acks_);
        if (!acks) return acks.error();
        if (skip_) {  // if the frame is there, it tells where the next one is; else the walk passes it by
            const auto header = file_->only_header_at(behind_);
            if (!header) return header.error();
            if (*header) walk_->seek((*header)->next_offset());
        }
        return true;
    }
    return false;
}

void ShardReader::leave() {
    walk_.reset();
    file_.reset();
    ++segment_;
    skip_ = false;
}

Result<std::optional<StoredMessage>> ShardReader::next(std::vector<Problem>& problems) {
    using Found = std::optional<StoredMessage>;
    for (;;) {
        if (walk_ == nullptr) {
            const auto opened = open_next();
            if (!opened) return opened.error();
            if (!*opened) return Found{};
        }
        const auto frame = walk_->next();
        if (!frame) return frame.error();
        if (!*frame) {
            const auto end = ended(problems);
            if (!end) return end.error();
            if (!*end) return Found{};
            continue;
        }
        const FrameHeader& header = **frame;
        if (header.kind != FrameKind::commit || (skip_ && header.offset <= behind_)) continue;
        const bool done = acks_.contains(header.offset);
        if (done && !options_.acknowledged) continue;
        auto message = finder_.message_of(header);
        if (!message) return message;
        if (!*message) continue;  // a part is lost: its own segment has the gap, or it was never acknowledged
        (*message)->acknowledged = done;
        return message;
    }
}

Result<bool> ShardReader::ended(std::vector<Problem>& problems) {
    if (!still_there(files_, path_of(segment_), file_->identity())) {
        leave();  // recycled: everything in it had been acknowledged
        return true;
    }
    note_gaps(problems);
    if (walk_->closed_end()) {
        leave();
        return true;
    }
    // Without a footer: the segment being written, or one that a crash left, or one whose last batches are in
    // flight.
    const auto sequences = list_segments(files_, path_);
    if (!sequences) return sequences.error();
    std::size_t later_in_use = 0;
    for (const std::uint64_t sequence : *sequences) {
        if (sequence <= segment_) continue;
        auto file = SegmentFile::open(files_, path_of(sequence), sequence, tag_);
        if (!file) continue;
        const auto first = (*file)->only_header_at(0);
        if (first.ok() && *first) ++later_in_use;
    }
    if (later_in_use == 0) return false;
    const auto claimed = claimed_durable_end(files_, path_, tag_, segment_, *sequences);
    if (!claimed) return claimed.error();
    if (*claimed > walk_->position()) {
        walk_->learn_durable_end(*claimed);
        return true;
    }
    // A server that runs will write the footer when the last batch has settled; by the second segment after
    // this one, all batches have.
    bool settled = later_in_use >= 2;
    if (!settled) {
        const auto runs = server_runs();
        if (!runs) return runs.error();
        settled = !*runs;
    }
    // What is not there now was not acknowledged when we came; but messages of later segments may have been.
    if (!settled && !options_.once) return false;
    if (settled && walk_->torn() && problems.size() < VerifyReport::kProblemsMax) {
        problems.push_back({Problem::Kind::torn_end,
                            {shard_, segment_, walk_->position()},
                            0,
                            "the log of this segment ends in a write that was never acknowledged"});
    }
    leave();
    return true;
}

void ShardReader::note_gaps(std::vector<Problem>& problems) {
    for (; gaps_noted_ < walk_->gaps().size(); ++gaps_noted_) {
        const Gap& gap = walk_->gaps()[gaps_noted_];
        if (problems.size() >= VerifyReport::kProblemsMax) continue;
        problems.push_back({Problem::Kind::corruption,
                            {shard_, segment_, gap.begin},
                            gap.end - gap.begin,
                            "acknowledged data is damaged"});
    }
}

Result<bool> ShardReader::server_runs() {
    auto file = files_.open(spool_path_ + "/" + std::string(kLockName), OpenMode::read);
    if (!file) {
        if (file.error().code == ENOENT) return false;
        return file.error();
    }
    const auto free = (*file)->try_lock();
    if (!free) return free.error();
    return !*free;
}

// --- seeking
// -----------------------------------------------------------------------------------------------------------

void ShardReader::seek_behind(std::uint64_t segment, std::uint32_t offset) {
    walk_.reset();
    file_.reset();
    segment_ = segment;
    behind_ = offset;
    skip_ = segment != 0;
}

Status ShardReader::seek_end() {
    const auto sequences = list_segments(files_, path_);
    if (!sequences) return sequences.error();
    seek_behind(0, 0);
    for (auto sequence = sequences->rbegin(); sequence != sequences->rend(); ++sequence) {
        auto file = SegmentFile::open(files_, path_of(*sequence), *sequence, tag_);
        if (!file) continue;
        SegmentWalk walk(**file, false);
        std::optional<std::uint32_t> last;
        for (;;) {
            const auto frame = walk.next();
            if (!frame) return frame.error();
            if (!*frame) break;
            last = (*frame)->offset;
        }
        if (!last) continue;
        seek_behind(*sequence, *last);
        break;
    }
    return ok_status();
}

Result<std::optional<StoredMessage>> ShardReader::find(const MessageId& id) {
    using Found = std::optional<StoredMessage>;
    const auto sequences = list_segments(files_, path_);
    if (!sequences) return sequences.error();
    for (const std::uint64_t sequence : *sequences) {
        auto file = SegmentFile::open(files_, path_of(sequence), sequence, tag_);
        if (!file && file.error().code == ENOENT) continue;
        if (!file) return file.error();
        SegmentWalk walk(**file, false);
        for (;;) {
            const auto frame = walk.next();
            if (!frame) return frame.error();
            if (!*frame) break;
            if ((*frame)->kind != FrameKind::commit || (*frame)->id != id) continue;
            auto message = at(sequence, (*frame)->offset);
            if (!message || !*message) return message;
            if ((*message)->acknowledged && !options_.acknowledged) return Found{};
            return message;
        }
    }
    return Found{};
}

// Without what consumers say of it.
Result<std::optional<StoredMessage>> ShardReader::message_at(std::uint64_t segment, std::uint32_t offset) {
    using Found = std::optional<StoredMessage>;
    const auto header = finder_.commit_at(segment, offset);
    if (!header) return header.error();
    if (!*header) return Found{};
    return finder_.message_of(**header);
}

Result<std::optional<StoredMessage>> ShardReader::at(std::uint64_t segment, std::uint32_t offset) {
    auto message = message_at(segment, offset);
    if (!message || !*message) return message;
    AckSet acks;
    const auto loaded = load_acks(files_, path_ + "/" + acks_name(segment), segment, 0, acks);
    if (!loaded) return loaded.error();
    (*message)->acknowledged = acks.contains(offset);
    return message;
}

// --- acknowledging
// -------------------------------------------------------------------------------------------------------

Status ShardReader::lock_consumer() {
    if (consumer_lock_ != nullptr) return ok_status();
    const std::string path = path_ + "/" + std::string(kConsumerLockName);
    auto file = files_.open(path, OpenMode::create);
    if (!file) return file.error();
    const auto locked = (*file)->try_lock();
    if (!locked) return locked.error();
    if (!*locked) return Error{EWOULDBLOCK, "another consumer acknowledges in " + path_};
    consumer_lock_ = std::move(*file);
    return ok_status();
}

// Of a place where no message is: false if there may have been one: its segment is recycled, or it stood in a
// write that failed after it was read, and was never acknowledged to its sender.
Result<bool> ShardReader::never_was(std::uint64_t segment, std::uint32_t offset) {
    auto file = SegmentFile::open(files_, path_of(segment), segment, tag_);
    if (!file) {
        if (file.error().code == ENOENT) return false;
        return file.error();
    }
    const auto footer = (*file)->footer();
    if (!footer) return footer.error();
    return !*footer || offset < (*footer)->durable_end;
}

Status ShardReader::ack(std::span<const Cursor> cursors) {
    const Status locked = lock_consumer();
    if (!locked) return locked;
    const std::uint64_t segment = cursors.front().segment;
    const std::string path = path_ + "/" + acks_name(segment);
    AckSet known;
    const auto end = load_acks(files_, path, segment, 0, known);
    if (!end) return end.error();
    std::vector<std::byte> records;
    for (const Cursor& cursor : cursors) {
        if (known.contains(cursor.offset)) continue;
        const auto message = message_at(segment, cursor.offset);
        if (!message) return message.error();
        if (!*message) {
            const auto never = never_was(segment, cursor.offset);
            if (!never) return never.error();
            if (*never) return Error{ENOENT, "no message at " + cursor.text()};
            continue;
        }
        records.resize(records.size() + kAckRecordBytes);
        encode_ack({segment, cursor.offset}, records.data() + records.size() - kAckRecordBytes);
        known.add(cursor.offset);
    }
    if (records.empty() && *end == 0) return ok_status();
    auto file = files_.open(path, OpenMode::create);
    if (!file) return file.error();
    Status done = ok_status();
    if (!records.empty())
        done = (*file)->write_at(*end, records);  // over a record that a crash cut off, if any
    // Also without a new record: whoever wrote those that are known may have died before this.
    if (done.ok()) done = (*file)->sync();
    if (done.ok()) done = files_.sync_directory(path_);
    if (done.ok() && segment == segment_) acks_ = std::move(known);
    return done;
}

}  // namespace ringmx::storage::spool
