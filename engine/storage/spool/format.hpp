// The spool's on-disk format: frames, file names, the spool's own file. docs/spool-format.md specifies it;
// this is its one implementation. Everything is little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "base/message_id.hpp"

namespace ringmx::storage::spool {

constexpr std::size_t kBlockBytes = 4096;          // unit of writing; every batch starts and ends on one
constexpr std::size_t kFrameHeaderBytes = 128;     // in front of every payload
constexpr std::size_t kFrameAlignment = 8;         // of frames within a batch
constexpr std::size_t kFooterBytes = kBlockBytes;  // the last block of a segment
constexpr std::size_t kPayloadBytesMax = limits::chunk_large_bytes - kFrameHeaderBytes;
static_assert(kFrameHeaderBytes == limits::chunk_headroom_bytes, "a chunk's headroom holds a frame header");

enum class FrameKind : std::uint8_t {
    part = 1,    // a piece of a message, more follow
    commit = 2,  // the last piece of a message: with it, the message is stored
    footer = 3,  // in the segment's last block: `durable_end` is where its log ends
};

namespace frame_flags {
constexpr std::uint16_t next_at_block =
    1;  // the next frame starts at the next block boundary, not right behind
}

struct FrameHeader {
    FrameKind kind = FrameKind::part;
    std::uint16_t flags = 0;
    std::uint64_t tag = 0;          // the spool's secret: a sender cannot forge frames inside mail data
    std::uint64_t segment = 0;      // sequence number of the segment that this was written to
    std::uint32_t offset = 0;       // of this header in that segment
    std::uint32_t durable_end = 0;  // acknowledged bytes of this segment when the frame's batch was formed
    MessageId id;
    std::uint32_t part = 0;  // counts the frames of the message from 0
    std::uint32_t payload_bytes = 0;
    std::uint32_t payload_crc = 0;
    std::uint32_t envelope_bytes = 0;  // commit: lengths of the whole message
    std::uint32_t trace_bytes = 0;
    std::uint64_t body_bytes = 0;
    std::uint64_t previous_part_segment = 0;  // where the frame with number part - 1 is; part 0: 0
    std::uint32_t previous_part_offset = 0;
    std::uint64_t payload_position = 0;      // of this payload in the message
    std::uint64_t previous_segment = 0;      // the segment written before this one; 0: none known
    std::uint32_t previous_durable_end = 0;  // acknowledged bytes of that one when the batch was formed

    // Where the next frame of the segment starts.
    std::uint32_t next_offset() const;
};

// Writes the header with its CRC to `out`, kFrameHeaderBytes long.
void encode_frame_header(const FrameHeader& header, std::byte* out);
// Nothing unless magic, version, kind and CRC are right. Whether it belongs where it was found is the
// caller's to check (belongs()).
std::optional<FrameHeader> decode_frame_header(const std::byte* in);
// Whether a frame header is one of this segment, found where it says it is, with a payload inside
// `frames_end`.
bool belongs(const FrameHeader& header, std::uint64_t tag, std::uint64_t segment, std::uint32_t offset,
             std::uint32_t frames_end);

// "shard-0003", "seg-00000000000001a7.log", "seg-00000000000001a7.acks", "prep-00000000000001a7.tmp".
std::string shard_name(std::uint32_t shard);
std::optional<std::uint32_t> parse_shard_name(std::string_view name);
std::string segment_name(std::uint64_t sequence);
std::string acks_name(std::uint64_t sequence);
std::string preparation_name(std::uint64_t sequence);
// The same, into a string that keeps its memory.
constexpr std::size_t kNameOctetsMax = 32;
void put_segment_name(std::string& out, std::uint64_t sequence);
void put_acks_name(std::string& out, std::uint64_t sequence);
void put_preparation_name(std::string& out, std::uint64_t sequence);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);
std::optional<std::uint64_t> parse_acks_name(std::string_view name);
bool is_preparation_name(std::string_view name);

constexpr std::string_view kMetaName = "spool.meta";
constexpr std::string_view kLockName = "lock";
constexpr std::string_view kConsumerLockName = "consumer.lock";

// Contents of spool.meta: one line, "ringmx-spool 1 0123456789abcdef\n" (version, tag).
std::string encode_meta(std::uint64_t tag);
std::optional<std::uint64_t> decode_meta(std::string_view text);

// A consumer's record: this message of this segment is done. 16 bytes; CRC over the first 12.
struct AckRecord {
    std::uint64_t segment = 0;
    std::uint32_t offset = 0;
};
constexpr std::size_t kAckRecordBytes = 16;
void encode_ack(const AckRecord& record, std::byte* out);
std::optional<AckRecord> decode_ack(const std::byte* in);

}  // namespace ringmx::storage::spool
