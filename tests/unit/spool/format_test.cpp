// The on-disk format: what is written reads back, and nothing else passes for it.
#include "storage/spool/format.hpp"

#include <array>

#include <gtest/gtest.h>

#include "storage/spool/acks.hpp"
#include "storage/spool/cursor.hpp"

namespace ringmx::storage::spool {
namespace {

FrameHeader sample() {
    FrameHeader header;
    header.kind = FrameKind::commit;
    header.flags = frame_flags::next_at_block;
    header.tag = 0x1122334455667788;
    header.segment = 0x99;
    header.offset = 0x3000;
    header.durable_end = 0x2000;
    for (std::size_t i = 0; i < header.id.bytes.size(); ++i)
        header.id.bytes[i] = static_cast<std::uint8_t>(i + 1);
    header.part = 3;
    header.payload_bytes = 700;
    header.payload_crc = 0xdeadbeef;
    header.envelope_bytes = 60;
    header.trace_bytes = 100;
    header.body_bytes = 0x123456789;
    header.previous_part_segment = 0x98;
    header.previous_part_offset = 0x4000;
    header.payload_position = 0x55555;
    header.previous_segment = 0x97;
    header.previous_durable_end = 0x5000;
    return header;
}

TEST(SpoolFormat, FrameHeaderReadsBackAsWritten) {
    std::array<std::byte, kFrameHeaderBytes> bytes;
    encode_frame_header(sample(), bytes.data());
    const auto read = decode_frame_header(bytes.data());
    ASSERT_TRUE(read.has_value());
    std::array<std::byte, kFrameHeaderBytes> again;
    encode_frame_header(*read, again.data());
    EXPECT_EQ(bytes, again);
    EXPECT_EQ(read->body_bytes, 0x123456789u);
    EXPECT_EQ(read->previous_durable_end, 0x5000u);
    EXPECT_EQ(read->kind, FrameKind::commit);
    // The table of docs/spool-format.md: a change of the layout is a new version.
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(bytes.data()), 4), "RMXF");
    EXPECT_EQ(load_le<std::uint32_t>(bytes.data() + 24), 0x3000u);
    EXPECT_EQ(load_le<std::uint32_t>(bytes.data() + 52), 700u);
    EXPECT_EQ(load_le<std::uint64_t>(bytes.data() + 96), 0x97u);
}

TEST(SpoolFormat, EveryFlippedBitOfAHeaderIsNoticed) {
    std::array<std::byte, kFrameHeaderBytes> bytes;
    encode_frame_header(sample(), bytes.data());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        EXPECT_FALSE(decode_frame_header(bytes.data()).has_value()) << "bit " << bit;
        bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
}

TEST(SpoolFormat, FrameBelongsOnlyWhereItWasWritten) {
    const FrameHeader header = sample();
    EXPECT_TRUE(belongs(header, header.tag, header.segment, header.offset, 1u << 20));
    EXPECT_FALSE(belongs(header, header.tag + 1, header.segment, header.offset, 1u << 20));
    EXPECT_FALSE(belongs(header, header.tag, header.segment + 1, header.offset, 1u << 20));
    EXPECT_FALSE(belongs(header, header.tag, header.segment, header.offset + 4096, 1u << 20));
    EXPECT_FALSE(belongs(header, header.tag, header.segment, header.offset, header.offset + 128 + 699));
    EXPECT_TRUE(belongs(header, header.tag, header.segment, header.offset, header.offset + 128 + 700));
}

TEST(SpoolFormat, NamesAreReadBackAndOnlyTheirOwnSpelling) {
    EXPECT_EQ(segment_name(0x1a7), "seg-00000000000001a7.log");
    EXPECT_EQ(parse_segment_name("seg-00000000000001a7.log"), 0x1a7u);
    EXPECT_EQ(parse_acks_name("seg-00000000000001a7.acks"), 0x1a7u);
    EXPECT_FALSE(parse_segment_name("seg-00000000000001A7.log"));
    EXPECT_FALSE(parse_segment_name("seg-1a7.log"));
    EXPECT_FALSE(parse_segment_name("seg-00000000000001a7.acks"));
    EXPECT_EQ(parse_shard_name("shard-0003"), 3u);
    EXPECT_FALSE(parse_shard_name("shard-3"));
    EXPECT_EQ(decode_meta(encode_meta(0xabc)), 0xabcu);
    EXPECT_FALSE(decode_meta("ringmx-spool 2 0000000000000abc\n"));
}

TEST(SpoolFormat, CursorTextReadsBackAndSortsInLogOrder) {
    const Cursor early{3, 0x1a7, 0xfe8000};
    const Cursor late{3, 0x1a8, 0x80};
    EXPECT_EQ(early.text(), "0003-00000000000001a7-00fe8000");
    EXPECT_EQ(Cursor::parse(early.text()), early);
    EXPECT_LT(early, late);
    EXPECT_LT(early.text(), late.text());
    for (const char* bad : {"", "0003-00000000000001a7-00fe800", "0003-00000000000001a7-00fe800g", "x"}) {
        EXPECT_FALSE(Cursor::parse(bad)) << bad;
    }
}

TEST(SpoolFormat, AcksEndAtTheFirstRecordThatIsNotOne) {
    std::array<std::byte, 3 * kAckRecordBytes> bytes;
    for (std::uint32_t i = 0; i < 3; ++i)
        encode_ack({7, 4096 * i}, bytes.data() + i * kAckRecordBytes);
    std::vector<std::uint32_t> seen;
    const auto take = [&](std::uint32_t offset) { seen.push_back(offset); };
    EXPECT_EQ(for_each_ack(bytes, 7, take), bytes.size());
    EXPECT_EQ(seen, (std::vector<std::uint32_t>{0, 4096, 8192}));
    EXPECT_EQ(for_each_ack(bytes, 8, take), 0u) << "acks of another segment";
    EXPECT_EQ(for_each_ack(Bytes(bytes).first(40), 7, take), 2 * kAckRecordBytes) << "a record cut off";
    bytes[20] ^= std::byte{1};
    EXPECT_EQ(for_each_ack(bytes, 7, take), kAckRecordBytes);
}

}  // namespace
}  // namespace ringmx::storage::spool
