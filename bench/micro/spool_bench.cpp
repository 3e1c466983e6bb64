// What the spool does for a message before the disk: the frame header, and the batch that one write takes.
// Nanoseconds of one thread, warm caches.
//   SpoolBatch/N  a batch as full as it gets of messages of N octets, time for each message. Up to 32 KiB the
//                 payload is copied, beyond that it is written where it lies
#include <array>
#include <vector>

#include <benchmark/benchmark.h>

#include "message/slab_pool.hpp"
#include "storage/spool/batch.hpp"
#include "storage/spool/format.hpp"
#include "storage/spool/segments.hpp"

namespace ringmx::storage::spool {
namespace {

FrameHeader sample_header() {
    FrameHeader header;
    header.kind = FrameKind::commit;
    header.tag = 0x0123456789abcdef;
    header.segment = 7;
    header.offset = 4096;
    header.payload_bytes = 1200;
    header.payload_crc = 0xe3069283;
    header.envelope_bytes = 120;
    header.trace_bytes = 200;
    header.body_bytes = 880;
    return header;
}

void SpoolFrameEncode(benchmark::State& state) {
    const FrameHeader header = sample_header();
    std::array<std::byte, kFrameHeaderBytes> out;
    for (auto _ : state) {
        encode_frame_header(header, out.data());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(SpoolFrameEncode);

void SpoolFrameDecode(benchmark::State& state) {
    std::array<std::byte, kFrameHeaderBytes> bytes;
    encode_frame_header(sample_header(), bytes.data());
    for (auto _ : state)
        benchmark::DoNotOptimize(decode_frame_header(bytes.data()));
}
BENCHMARK(SpoolFrameDecode);

void SpoolBatch(benchmark::State& state) {
    const auto octets = static_cast<std::uint32_t>(state.range(0));
    SlabPool slabs(64u << 20);
    const ChunkClass size = octets <= 3800    ? ChunkClass::small
                            : octets <= 16000 ? ChunkClass::medium
                                              : ChunkClass::large;
    std::vector<Chunk*> chunks;
    for (std::size_t bytes = 0; bytes < limits::spool_batch_bytes_max; bytes += octets) {
        chunks.push_back(slabs.acquire(size));
        chunks.back()->end = chunks.back()->begin + octets;
        std::memset(chunks.back()->memory, 'x', chunks.back()->capacity);
    }
    LiveSegment segment;
    Batch batch;
    const FrameHeader header = sample_header();
    std::int64_t messages = 0;
    for (auto _ : state) {
        batch.begin(segment, 0, limits::spool_segment_bytes_max);
        for (Chunk* const chunk : chunks) {
            if (batch.fit(chunk) != Batch::Fit::yes) break;
            batch.entries.push_back({nullptr, nullptr, true, batch.add(header, chunk)});
            ++messages;
        }
        batch.finish();
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(messages);
    state.SetBytesProcessed(messages * octets);
    state.counters["per_message"] = benchmark::Counter(
        static_cast<double>(messages), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    for (Chunk* const chunk : chunks)
        slabs.release(chunk);
}
BENCHMARK(SpoolBatch)->Arg(1200)->Arg(10500)->Arg(60000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ringmx::storage::spool
