// Replay of a segment of any bytes: never crashes, never reads outside, and never hands on a frame whose CRC
// is wrong. The input is the segment; a shard of one segment is read by the walk, by a replay and by a
// reader.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "memory_files.hpp"
#include "scan/data_scan.hpp"
#include "storage/spool/reader.hpp"
#include "storage/spool/replay.hpp"
#include "storage/spool/segment_walk.hpp"

namespace {

using namespace ringmx;
using namespace ringmx::storage::spool;

constexpr std::uint64_t kTag = 0x7269'6e67'6d78'2121;
constexpr std::uint64_t kSequence = 1;
constexpr std::size_t kInputMax = 1u << 20;

// Mutation destroys CRCs, and with them every path behind the checks. Headers with the magic get theirs made
// right.
std::vector<std::byte> mend(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> bytes(size);
    if (size != 0) std::memcpy(bytes.data(), data, size);
    if (size < 1 || (data[size - 1] & 1) == 0) return bytes;
    for (std::size_t at = 0; at + kFrameHeaderBytes <= size; at += kFrameAlignment) {
        std::byte* header = bytes.data() + at;
        if (std::memcmp(header, "RMXF", 4) != 0) continue;
        const std::size_t payload = load_le<std::uint32_t>(header + 52);
        if (payload <= size - at - kFrameHeaderBytes && (data[size - 1] & 2) != 0) {
            store_le(header + 56, scan::crc32c(0, {header + kFrameHeaderBytes, payload}));
        }
        store_le(header + 124, scan::crc32c(0, {header, 124}));
    }
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > kInputMax) return 0;
    const std::vector<std::byte> bytes = mend(data, size);
    storage::spool::test::MemoryFiles files;
    const std::string name = "/spool/shard-0000/" + segment_name(kSequence);
    files.add(name, bytes);
    const std::string meta = encode_meta(kTag);
    files.add("/spool/spool.meta", {as_bytes(meta).begin(), as_bytes(meta).end()});

    auto file = SegmentFile::open(files, name, kSequence, kTag);
    RMX_ASSERT(file.ok());
    SegmentWalk walk(**file);
    std::uint32_t behind = 0;
    std::uint64_t frames = 0;
    for (;;) {
        const auto frame = walk.next();
        RMX_ASSERT(frame.ok());
        if (!*frame) break;
        const FrameHeader& header = **frame;
        RMX_ASSERT(header.offset >= behind || frames == 0);
        RMX_ASSERT(std::size_t{header.offset} + kFrameHeaderBytes + header.payload_bytes <= bytes.size());
        const Bytes payload = Bytes(bytes).subspan(header.offset + kFrameHeaderBytes, header.payload_bytes);
        RMX_ASSERT(header.payload_crc == (payload.empty() ? 0 : scan::crc32c(0, payload)));
        RMX_ASSERT(load_le<std::uint32_t>(bytes.data() + header.offset + 124) ==
                   scan::crc32c(0, Bytes(bytes).subspan(header.offset, 124)));
        behind = header.offset + static_cast<std::uint32_t>(kFrameHeaderBytes);
        ++frames;
    }

    const auto replay = replay_shard(files, "/spool/shard-0000", 0, kTag, {});
    RMX_ASSERT(replay.ok() && replay->frames == frames);

    auto reader = SpoolReader::open(files, "/spool", {});
    RMX_ASSERT(reader.ok());
    for (;;) {
        const auto message = (*reader)->next();
        RMX_ASSERT(message.ok());
        if (!*message) break;
        std::uint64_t octets = 0;
        const Status read = (*reader)->read(**message, Section::whole, [&](Bytes piece) {
            octets += piece.size();
            return true;
        });
        RMX_ASSERT(!read.ok() ||
                   octets == (*message)->envelope.size() + (*message)->trace_bytes + (*message)->body_bytes);
    }
    return 0;
}
