#include "storage/spool/segment_walk.hpp"

#include <algorithm>
#include <utility>

#include "scan/data_scan.hpp"

namespace ringmx::storage::spool {
namespace {

// What one read takes; holds any frame from any place in a block.
constexpr std::size_t kWindowBytes = 256u << 10;
constexpr std::size_t kWholeWindowBytes = 1u << 20;  // a quarter of it is a quarter slower from the device
static_assert(kWindowBytes >= kPayloadBytesMax + kFrameHeaderBytes + kBlockBytes);

Result<std::unique_ptr<SegmentFile>> open_as(OpenMode mode, std::size_t window_bytes, FileSystem& files,
                                             const std::string& path, std::uint64_t sequence,
                                             std::uint64_t tag) {
    auto file = files.open(path, mode);
    if (!file) return file.error();
    const auto bytes = (*file)->size();
    if (!bytes) return bytes.error();
    return std::make_unique<SegmentFile>(std::move(*file), *bytes, sequence, tag, window_bytes);
}

}  // namespace

SegmentFile::SegmentFile(std::unique_ptr<File> file, std::uint64_t file_bytes, std::uint64_t sequence,
                         std::uint64_t tag, std::size_t window_bytes)
    : file_(std::move(file)), sequence_(sequence), tag_(tag), window_bytes_max_(window_bytes) {
    const std::uint64_t blocks =
        std::min<std::uint64_t>(file_bytes, limits::spool_segment_bytes_max) / kBlockBytes;
    if (blocks > 0) frames_end_ = static_cast<std::uint32_t>((blocks - 1) * kBlockBytes);
}

Result<std::unique_ptr<SegmentFile>> SegmentFile::open(FileSystem& files, const std::string& path,
                                                       std::uint64_t sequence, std::uint64_t tag) {
    return open_as(OpenMode::read, kWindowBytes, files, path, sequence, tag);
}

Result<std::unique_ptr<SegmentFile>> SegmentFile::open_whole(FileSystem& files, const std::string& path,
                                                             std::uint64_t sequence, std::uint64_t tag) {
    return open_as(OpenMode::read_direct, kWholeWindowBytes, files, path, sequence, tag);
}

void SegmentFile::forget() {
    if (window_bytes_ != 0) file_->drop_cache(window_at_, window_bytes_);
    window_bytes_ = 0;
}

Result<Bytes> SegmentFile::bytes_at(std::uint32_t offset, std::size_t wanted) {
    if (offset < window_at_ || offset + wanted > window_at_ + window_bytes_) {
        if (window_.all().empty())
            window_ = BlockBuffer(std::min<std::size_t>(window_bytes_max_, frames_end_));
        window_at_ = offset / kBlockBytes * kBlockBytes;
        const auto count = file_->read_at(window_at_, window_.all());
        if (!count) {
            window_bytes_ = 0;
            return count.error();
        }
        window_bytes_ = *count;
    }
    if (offset + wanted > window_at_ + window_bytes_) return Bytes{};  // the file ends here
    return Bytes{window_.all()}.subspan(offset - window_at_, wanted);
}

Result<std::optional<FrameHeader>> SegmentFile::header_at(std::uint32_t offset) {
    using Found = std::optional<FrameHeader>;
    if (std::uint64_t{offset} + kFrameHeaderBytes > frames_end_) return Found{};
    const auto bytes = bytes_at(offset, kFrameHeaderBytes);
    if (!bytes) return bytes.error();
    return bytes->empty() ? Found{} : checked(bytes->data(), offset);
}

Result<std::optional<FrameHeader>> SegmentFile::only_header_at(std::uint32_t offset) {
    using Found = std::optional<FrameHeader>;
    if (std::uint64_t{offset} + kFrameHeaderBytes > frames_end_) return Found{};
    std::byte bytes[kFrameHeaderBytes];
    const auto count = file_->read_at(offset, bytes);
    if (!count) return count.error();
    return *count < kFrameHeaderBytes ? Found{} : checked(bytes, offset);
}

std::optional<FrameHeader> SegmentFile::checked(const std::byte* bytes, std::uint32_t offset) const {
    auto header = decode_frame_header(bytes);
    if (header &&
        (header->kind == FrameKind::footer || !belongs(*header, tag_, sequence_, offset, frames_end_))) {
        header.reset();
    }
    return header;
}

Result<std::optional<Bytes>> SegmentFile::payload_of(const FrameHeader& header) {
    using Found = std::optional<Bytes>;
    if (!belongs(header, tag_, sequence_, header.offset, frames_end_)) return Found{};
    if (header.payload_bytes == 0) return header.payload_crc == 0 ? Found{Bytes{}} : Found{};
    const auto bytes =
        bytes_at(header.offset + static_cast<std::uint32_t>(kFrameHeaderBytes), header.payload_bytes);
    if (!bytes) return bytes.error();
    if (bytes->empty() || scan::crc32c(0, *bytes) != header.payload_crc) return Found{};
    return Found{*bytes};
}

Result<std::optional<FrameHeader>> SegmentFile::footer() {
    using Found = std::optional<FrameHeader>;
    if (frames_end_ == 0) return Found{};
    std::byte bytes[kFrameHeaderBytes];
    const auto count = file_->read_at(frames_end_, bytes);
    if (!count) return count.error();
    if (*count < kFrameHeaderBytes) return Found{};
    auto header = decode_frame_header(bytes);
    if (!header || header->kind != FrameKind::footer || header->tag != tag_ || header->segment != sequence_ ||
        header->offset != frames_end_ || header->durable_end > frames_end_) {
        return Found{};
    }
    return Found{*header};
}

Result<std::uint32_t> SegmentFile::log_end() {
    if (!log_end_) {
        const auto found = footer();
        if (!found) return found.error();
        log_end_ = *found ? (*found)->durable_end : frames_end_;
    }
    return *log_end_;
}

void SegmentWalk::learn_durable_end(std::uint32_t end) {
    durable_end_ = std::max(durable_end_, std::min(end, file_.frames_end()));
}

void SegmentWalk::seek(std::uint32_t offset) {
    position_ = offset;
    torn_ = false;
    looked_on_from_ = UINT32_MAX;
}

FrameHeader SegmentWalk::taken(const FrameHeader& header) {
    position_ = header.next_offset();
    learn_durable_end(header.durable_end);
    torn_ = false;
    return header;
}

std::uint32_t SegmentWalk::block_behind(std::uint32_t offset) const {
    return static_cast<std::uint32_t>(align_up(std::size_t{offset} + 1, kBlockBytes));
}

Result<std::optional<FrameHeader>> SegmentWalk::good_frame_at(std::uint32_t offset) {
    using Found = std::optional<FrameHeader>;
    if (offset >= end()) return Found{};
    auto header = file_.header_at(offset);
    if (!header || !*header || !check_payloads_) return header;
    const auto payload = file_.payload_of(**header);
    if (!payload) return payload.error();
    return *payload ? header : Found{};
}

// Once the segment is closed, its footer alone says where the log ends: what stands behind was never
// acknowledged.
Status SegmentWalk::read_footer() {
    if (closed_end_) return ok_status();
    const auto footer = file_.footer();
    if (!footer) return footer.error();
    if (*footer) closed_end_ = durable_end_ = (*footer)->durable_end;
    return ok_status();
}

Result<std::optional<FrameHeader>> SegmentWalk::next() {
    using Found = std::optional<FrameHeader>;
    if (!footer_read_) {
        const Status read = read_footer();
        if (!read) return read.error();
        footer_read_ = true;
    }
    auto frame = good_frame_at(position_);
    if (!frame) return frame;
    if (*frame) return Found{taken(**frame)};

    // Either the end or damage. What was read may be older than what is there now: look again.
    file_.forget();
    const Status read = read_footer();
    if (!read) return read.error();
    if (!closed_end_) {
        const auto looked = look_on();
        if (!looked) return looked.error();
    }
    frame = good_frame_at(position_);
    if (!frame) return frame;
    if (*frame) return Found{taken(**frame)};
    if (closed_end_) torn_ = false;
    if (position_ >= durable_end_) return Found{};
    return resume_behind_damage();
}

// Acknowledged data at position_ cannot be read: finds the next good frame and notes the gap before it.
Result<std::optional<FrameHeader>> SegmentWalk::resume_behind_damage() {
    using Found = std::optional<FrameHeader>;
    const std::uint32_t begin = position_;
    // A good header with a bad payload still tells where the next frame is.
    auto header = file_.header_at(begin);
    if (!header) return header;
    std::uint32_t at = *header ? (*header)->next_offset() : block_behind(begin);
    while (at < end()) {
        auto frame = good_frame_at(at);
        if (!frame) return frame;
        if (*frame) {
            gaps_.push_back({begin, at});
            return Found{taken(**frame)};
        }
        header = file_.header_at(at);
        if (!header) return header;
        at = *header ? (*header)->next_offset() : block_behind(at);
    }
    gaps_.push_back({begin, std::max(durable_end_, begin)});
    position_ = std::max(durable_end_, begin);
    torn_ = false;
    return Found{};
}

// Searches what stands at and behind position_ for frames of this segment, and for what they say was
// acknowledged.
Status SegmentWalk::look_on() {
    if (looked_on_from_ == position_) return ok_status();
    torn_ = false;
    std::uint32_t at = position_;
    while (at < file_.frames_end()) {
        const auto header = file_.header_at(at);
        if (!header) return header.error();
        if (*header) {
            torn_ = true;
            learn_durable_end((*header)->durable_end);
            at = (*header)->next_offset();
        } else {
            at = block_behind(at);
        }
    }
    looked_on_from_ = position_;
    file_.forget();
    return ok_status();
}

}  // namespace ringmx::storage::spool
