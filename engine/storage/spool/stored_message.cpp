#include "storage/spool/stored_message.hpp"

#include <algorithm>
#include <cerrno>

#include "storage/spool/replay.hpp"

namespace ringmx::storage::spool {

Result<SegmentFile*> MessageFinder::open(std::uint64_t segment) {
    const std::string path = shard_path_ + "/" + segment_name(segment);
    if (file_ != nullptr && file_->sequence() == segment) return file_.get();
    auto file = SegmentFile::open(files_, path, segment, tag_);
    if (!file) {
        if (file.error().code == ENOENT) return static_cast<SegmentFile*>(nullptr);
        return file.error();
    }
    file_ = std::move(*file);
    return file_.get();
}

Result<std::optional<FrameHeader>> MessageFinder::commit_at(std::uint64_t segment, std::uint32_t offset) {
    using Found = std::optional<FrameHeader>;
    file_.reset();  // the name may mean another file by now
    const auto file = open(segment);
    if (!file) return file.error();
    if (*file == nullptr) return Found{};
    const auto end = (*file)->log_end();
    if (!end) return end.error();
    if (offset >= *end) return Found{};
    auto header = (*file)->only_header_at(offset);
    if (!header) return header;
    return *header && (*header)->kind == FrameKind::commit ? header : Found{};
}

Result<std::vector<FrameHeader>> MessageFinder::frames_of(const FrameHeader& commit) {
    std::vector<FrameHeader> frames{commit};
    while (frames.back().part != 0) {
        const FrameHeader& later = frames.back();
        const auto file = open(later.previous_part_segment);
        if (!file) return file.error();
        if (*file == nullptr) return std::vector<FrameHeader>{};
        const auto end = (*file)->log_end();
        if (!end) return end.error();
        const auto header = (*file)->only_header_at(later.previous_part_offset);
        if (!header) return header.error();
        if (!*header || later.previous_part_offset >= *end || (*header)->kind != FrameKind::part ||
            (*header)->id != commit.id || (*header)->part + 1 != later.part ||
            (*header)->payload_position + (*header)->payload_bytes != later.payload_position) {
            return std::vector<FrameHeader>{};
        }
        frames.push_back(**header);
    }
    std::reverse(frames.begin(), frames.end());
    return frames;
}

Result<std::optional<Bytes>> MessageFinder::payload_of(const FrameHeader& frame) {
    const auto file = open(frame.segment);
    if (!file) return file.error();
    if (*file == nullptr) return std::optional<Bytes>{};
    return (*file)->payload_of(frame);
}

Result<std::optional<StoredMessage>> MessageFinder::message_of(const FrameHeader& commit) {
    using Found = std::optional<StoredMessage>;
    const std::uint64_t total = std::uint64_t{commit.envelope_bytes} + commit.trace_bytes + commit.body_bytes;
    if (commit.payload_position + commit.payload_bytes != total) return Found{};
    const auto frames = frames_of(commit);
    if (!frames) return frames.error();
    if (frames->empty()) return Found{};
    const FrameHeader& first = frames->front();
    if (first.payload_position != 0 || first.payload_bytes < commit.envelope_bytes) return Found{};
    auto payload = payload_of(first);
    if (!payload) return payload.error();
    if (!*payload) {  // what was read ahead may be older than the frame
        file_.reset();
        payload = payload_of(first);
        if (!payload) return payload.error();
        if (!*payload) return Found{};
    }
    StoredMessage message;
    message.id = commit.id;
    message.cursor = {shard_, commit.segment, commit.offset};
    message.trace_bytes = commit.trace_bytes;
    message.body_bytes = commit.body_bytes;
    message.parts = commit.part + 1;
    const auto envelope = (*payload)->first(commit.envelope_bytes);
    message.envelope.assign(envelope.begin(), envelope.end());
    return Found{std::move(message)};
}

Status MessageFinder::read(const Cursor& cursor, std::uint64_t begin, std::uint64_t end,
                           const SpoolReader::Take& take) {
    const auto commit = commit_at(cursor.segment, cursor.offset);
    if (!commit) return commit.error();
    if (!*commit) return Error{ENOENT, "no message at " + cursor.text()};
    const auto frames = frames_of(**commit);
    if (!frames) return frames.error();
    if (frames->empty()) return Error{EIO, "message at " + cursor.text() + " has lost a part"};
    for (const FrameHeader& frame : *frames) {
        const std::uint64_t from = std::max(begin, frame.payload_position);
        const std::uint64_t to = std::min(end, frame.payload_position + frame.payload_bytes);
        if (from >= to) continue;
        const auto payload = payload_of(frame);
        if (!payload) return payload.error();
        if (!*payload) {
            return Error{EIO, "message at " + cursor.text() + " is damaged or was recycled: part " +
                                  std::to_string(frame.part) + " fails its check"};
        }
        if (!take((*payload)->subspan(from - frame.payload_position, to - from))) return ok_status();
    }
    return ok_status();
}

}  // namespace ringmx::storage::spool
