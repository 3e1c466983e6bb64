#include "storage/spool/format.hpp"

#include <array>
#include <charconv>
#include <cstdio>

#include "scan/data_scan.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr std::uint32_t kMagic = 0x46584d52;  // "RMXF"
constexpr std::uint8_t kVersion = 1;

// Offsets of the header's fields; docs/spool-format.md has the table.
namespace at {
constexpr std::size_t magic = 0, version = 4, kind = 5, flags = 6, tag = 8, segment = 16, offset = 24,
                      durable_end = 28, id = 32, part = 48, payload_bytes = 52, payload_crc = 56,
                      envelope_bytes = 60, trace_bytes = 64, previous_part_offset = 68,
                      previous_part_segment = 72, body_bytes = 80, payload_position = 88,
                      previous_segment = 96, previous_durable_end = 104, zero = 108, header_crc = 124;
}

void numbered(std::string& out, const char* prefix, std::uint64_t number, const char* suffix) {
    std::array<char, 48> text;
    const int length = std::snprintf(text.data(), text.size(), "%s%016llx%s", prefix,
                                     static_cast<unsigned long long>(number), suffix);
    out.assign(text.data(), static_cast<std::size_t>(length));
}

std::string numbered(const char* prefix, std::uint64_t number, const char* suffix) {
    std::string text;
    numbered(text, prefix, number, suffix);
    return text;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::uint64_t> parse_numbered(std::string_view name, std::string_view prefix,
                                            std::string_view suffix) {
    if (name.size() != prefix.size() + 16 + suffix.size()) return std::nullopt;
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
    const auto number = parse_hex(name.substr(prefix.size(), 16));
    // Only the one spelling that we write: lower case.
    if (!number || numbered("", *number, "") != name.substr(prefix.size(), 16)) return std::nullopt;
    return number;
}

}  // namespace

std::uint32_t FrameHeader::next_offset() const {
    const std::size_t end = std::size_t{offset} + kFrameHeaderBytes + payload_bytes;
    return static_cast<std::uint32_t>(
        align_up(end, (flags & frame_flags::next_at_block) != 0 ? kBlockBytes : kFrameAlignment));
}

void encode_frame_header(const FrameHeader& header, std::byte* out) {
    store_le(out + at::magic, kMagic);
    store_le(out + at::version, kVersion);
    store_le(out + at::kind, static_cast<std::uint8_t>(header.kind));
    store_le(out + at::flags, header.flags);
    store_le(out + at::tag, header.tag);
    store_le(out + at::segment, header.segment);
    store_le(out + at::offset, header.offset);
    store_le(out + at::durable_end, header.durable_end);
    std::memcpy(out + at::id, header.id.bytes.data(), header.id.bytes.size());
    store_le(out + at::part, header.part);
    store_le(out + at::payload_bytes, header.payload_bytes);
    store_le(out + at::payload_crc, header.payload_crc);
    store_le(out + at::envelope_bytes, header.envelope_bytes);
    store_le(out + at::trace_bytes, header.trace_bytes);
    store_le(out + at::previous_part_offset, header.previous_part_offset);
    store_le(out + at::previous_part_segment, header.previous_part_segment);
    store_le(out + at::body_bytes, header.body_bytes);
    store_le(out + at::payload_position, header.payload_position);
    store_le(out + at::previous_segment, header.previous_segment);
    store_le(out + at::previous_durable_end, header.previous_durable_end);
    std::memset(out + at::zero, 0, at::header_crc - at::zero);
    store_le(out + at::header_crc, scan::crc32c(0, {out, at::header_crc}));
}

std::optional<FrameHeader> decode_frame_header(const std::byte* in) {
    if (load_le<std::uint32_t>(in + at::magic) != kMagic) return std::nullopt;
    if (load_le<std::uint8_t>(in + at::version) != kVersion) return std::nullopt;
    if (load_le<std::uint32_t>(in + at::header_crc) != scan::crc32c(0, {in, at::header_crc}))
        return std::nullopt;
    const auto kind = load_le<std::uint8_t>(in + at::kind);
    if (kind < 1 || kind > 3) return std::nullopt;
    FrameHeader header;
    header.kind = static_cast<FrameKind>(kind);
    header.flags = load_le<std::uint16_t>(in + at::flags);
    header.tag = load_le<std::uint64_t>(in + at::tag);
    header.segment = load_le<std::uint64_t>(in + at::segment);
    header.offset = load_le<std::uint32_t>(in + at::offset);
    header.durable_end = load_le<std::uint32_t>(in + at::durable_end);
    std::memcpy(header.id.bytes.data(), in + at::id, header.id.bytes.size());
    header.part = load_le<std::uint32_t>(in + at::part);
    header.payload_bytes = load_le<std::uint32_t>(in + at::payload_bytes);
    header.payload_crc = load_le<std::uint32_t>(in + at::payload_crc);
    header.envelope_bytes = load_le<std::uint32_t>(in + at::envelope_bytes);
    header.trace_bytes = load_le<std::uint32_t>(in + at::trace_bytes);
    header.previous_part_offset = load_le<std::uint32_t>(in + at::previous_part_offset);
    header.previous_part_segment = load_le<std::uint64_t>(in + at::previous_part_segment);
    header.body_bytes = load_le<std::uint64_t>(in + at::body_bytes);
    header.payload_position = load_le<std::uint64_t>(in + at::payload_position);
    header.previous_segment = load_le<std::uint64_t>(in + at::previous_segment);
    header.previous_durable_end = load_le<std::uint32_t>(in + at::previous_durable_end);
    return header;
}

bool belongs(const FrameHeader& header, std::uint64_t tag, std::uint64_t segment, std::uint32_t offset,
             std::uint32_t frames_end) {
    return header.tag == tag && header.segment == segment && header.offset == offset &&
           header.payload_bytes <= kPayloadBytesMax &&
           std::uint64_t{offset} + kFrameHeaderBytes + header.payload_bytes <= frames_end;
}

std::string shard_name(std::uint32_t shard) {
    std::array<char, 24> text;
    const int length = std::snprintf(text.data(), text.size(), "shard-%04x", shard);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::uint32_t> parse_shard_name(std::string_view name) {
    constexpr std::string_view prefix = "shard-";
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 4) return std::nullopt;
    const auto number = parse_hex(name.substr(prefix.size()));
    if (!number || shard_name(static_cast<std::uint32_t>(*number)) != name) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

std::string segment_name(std::uint64_t sequence) {
    return numbered("seg-", sequence, ".log");
}
std::string acks_name(std::uint64_t sequence) {
    return numbered("seg-", sequence, ".acks");
}
std::string preparation_name(std::uint64_t sequence) {
    return numbered("prep-", sequence, ".tmp");
}

void put_segment_name(std::string& out, std::uint64_t sequence) {
    numbered(out, "seg-", sequence, ".log");
}
void put_acks_name(std::string& out, std::uint64_t sequence) {
    numbered(out, "seg-", sequence, ".acks");
}
void put_preparation_name(std::string& out, std::uint64_t sequence) {
    numbered(out, "prep-", sequence, ".tmp");
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
    return parse_numbered(name, "seg-", ".log");
}

std::optional<std::uint64_t> parse_acks_name(std::string_view name) {
    return parse_numbered(name, "seg-", ".acks");
}

bool is_preparation_name(std::string_view name) {
    return name.starts_with("prep-") && name.ends_with(".tmp");
}

std::string encode_meta(std::uint64_t tag) {
    return numbered("ringmx-spool 1 ", tag, "\n");
}

std::optional<std::uint64_t> decode_meta(std::string_view text) {
    return parse_numbered(text, "ringmx-spool 1 ", "\n");
}

void encode_ack(const AckRecord& record, std::byte* out) {
    store_le(out, record.segment);
    store_le(out + 8, record.offset);
    store_le(out + 12, scan::crc32c(0, {out, 12}));
}

std::optional<AckRecord> decode_ack(const std::byte* in) {
    if (load_le<std::uint32_t>(in + 12) != scan::crc32c(0, {in, 12})) return std::nullopt;
    return AckRecord{load_le<std::uint64_t>(in), load_le<std::uint32_t>(in + 8)};
}

}  // namespace ringmx::storage::spool
