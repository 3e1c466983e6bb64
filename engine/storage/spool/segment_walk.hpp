// Reading one segment: SegmentFile gives frames by their place, SegmentWalk gives them in log order and
// decides where the log ends and whether what it ends at is a torn write or damage. The replay rule is in
// docs/spool-format.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "storage/spool/block_buffer.hpp"
#include "storage/spool/file_system.hpp"
#include "storage/spool/format.hpp"

namespace ringmx::storage::spool {

// A segment's frames by offset, through a window of what was read. Not shared between threads.
class SegmentFile {
 public:
    // `window_bytes`: how much a read takes, whole blocks.
    // `file_bytes` is cut to whole blocks; the last block is the footer's.
    SegmentFile(std::unique_ptr<File> file, std::uint64_t file_bytes, std::uint64_t sequence,
                std::uint64_t tag, std::size_t window_bytes);

    static Result<std::unique_ptr<SegmentFile>> open(FileSystem& files, const std::string& path,
                                                     std::uint64_t sequence, std::uint64_t tag);
    // For reading all of it, from the device: what the server wrote with O_DIRECT is in no cache, and
    // gigabytes of log would only push out what is.
    static Result<std::unique_ptr<SegmentFile>> open_whole(FileSystem& files, const std::string& path,
                                                           std::uint64_t sequence, std::uint64_t tag);

    // The header at an offset, if it belongs there. Errors are the disk's.
    Result<std::optional<FrameHeader>> header_at(std::uint32_t offset);
    // The same, reading no more than the header: for following a message's links back.
    Result<std::optional<FrameHeader>> only_header_at(std::uint32_t offset);
    // The frame's payload, if its CRC is right. Valid until the next call.
    Result<std::optional<Bytes>> payload_of(const FrameHeader& header);
    // The footer, if the segment was closed.
    Result<std::optional<FrameHeader>> footer();
    // Where the log ends as far as the file says: its footer's word, else the end of the room for frames.
    // Read once.
    Result<std::uint32_t> log_end();
    // Makes the next read go to the file again: it may have changed.
    void forget();

    std::uint64_t sequence() const { return sequence_; }
    std::uint32_t frames_end() const { return frames_end_; }
    std::uint64_t identity() const { return file_->identity(); }
    File& file() { return *file_; }

 private:
    std::optional<FrameHeader> checked(const std::byte* bytes, std::uint32_t offset) const;
    Result<Bytes> bytes_at(std::uint32_t offset, std::size_t wanted);

    std::unique_ptr<File> file_;
    std::uint64_t sequence_;
    std::uint64_t tag_;
    std::uint32_t frames_end_ = 0;
    std::optional<std::uint32_t> log_end_;
    const std::size_t window_bytes_max_;
    BlockBuffer window_;
    std::uint64_t window_at_ = 0;
    std::size_t window_bytes_ = 0;
};

// A place where acknowledged data cannot be read.
struct Gap {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;  // the next good frame, or the end of what had been acknowledged
};

class SegmentWalk {
 public:
    // `check_payloads` false: payloads are not read, and only headers are checked.
    explicit SegmentWalk(SegmentFile& file, bool check_payloads = true)
        : file_(file), check_payloads_(check_payloads) {}

    // The next good frame in log order; behind a gap it goes on. Nothing: the log ends here, for now. If the
    // segment is still written, calling again later goes on.
    Result<std::optional<FrameHeader>> next();
    Result<std::optional<Bytes>> payload_of(const FrameHeader& header) { return file_.payload_of(header); }

    // From elsewhere: that many bytes of this segment had been acknowledged.
    void learn_durable_end(std::uint32_t end);
    // Starts over at an offset where a frame is known to begin or end.
    void seek(std::uint32_t offset);

    // The place of the next frame: all before it was walked or is in gaps().
    std::uint32_t position() const { return position_; }
    // What is known to have been acknowledged.
    std::uint32_t durable_end() const { return durable_end_; }
    // The footer's word on where the log ends; nothing while the segment is open.
    std::optional<std::uint32_t> closed_end() const { return closed_end_; }
    const std::vector<Gap>& gaps() const { return gaps_; }
    // After next() gave nothing: something of this segment stands at or behind position() that was never
    // acknowledged.
    bool torn() const { return torn_; }

 private:
    Result<std::optional<FrameHeader>> good_frame_at(std::uint32_t offset);
    Result<std::optional<FrameHeader>> resume_behind_damage();
    Status read_footer();
    Status look_on();
    std::uint32_t block_behind(std::uint32_t offset) const;
    std::uint32_t end() const { return closed_end_ ? *closed_end_ : file_.frames_end(); }
    FrameHeader taken(const FrameHeader& header);

    SegmentFile& file_;
    bool check_payloads_;
    bool footer_read_ = false;
    std::optional<std::uint32_t> closed_end_;
    std::uint32_t position_ = 0;
    std::uint32_t durable_end_ = 0;
    std::uint32_t looked_on_from_ =
        UINT32_MAX;  // look_on() has been here: its answer stands until more is known
    bool torn_ = false;
    std::vector<Gap> gaps_;
};

}  // namespace ringmx::storage::spool
