// What a message costs before its mail data: chunks, envelope, trace header. Nanoseconds of one thread, warm
// caches. Run: ringmx-micro --benchmark_filter='Slab|Envelope|Trace|Message'
#include <array>
#include <string_view>

#include <benchmark/benchmark.h>

#include "message/message.hpp"
#include "message/trace.hpp"

namespace ringmx {
namespace {

constexpr std::size_t kPoolBytes = 64u << 20;
constexpr std::string_view kReversePath = "newsletter-bounces+4711@lists.example.org";
constexpr std::string_view kForwardPath = "jane.doe@example.com";

void SlabAcquireRelease(benchmark::State& state) {
    SlabPool pool(kPoolBytes);
    const auto size = static_cast<ChunkClass>(state.range(0));
    for (auto _ : state) {
        Chunk* const chunk = pool.acquire(size);
        benchmark::DoNotOptimize(chunk);
        pool.release(chunk);
    }
}
BENCHMARK(SlabAcquireRelease)->Arg(0)->Arg(1)->Arg(2);

// As many chunks out at once as a busy core holds, so that pieces split and join.
void SlabAcquireReleaseMany(benchmark::State& state) {
    SlabPool pool(kPoolBytes);
    std::array<Chunk*, 1024> chunks{};
    for (auto _ : state) {
        for (Chunk*& chunk : chunks)
            chunk = pool.acquire(ChunkClass::small);
        for (Chunk* const chunk : chunks)
            pool.release(chunk);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(chunks.size()));
}
BENCHMARK(SlabAcquireReleaseMany);

void EnvelopeAppend(benchmark::State& state) {
    std::array<std::byte, 256> room;
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            append_envelope_record(room, EnvelopeField::forward_path, as_bytes(kForwardPath)));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(EnvelopeAppend);

TraceFacts trace_facts(DateCache& dates) {
    TraceFacts facts;
    facts.client_name = "mail-17.out.example.org";
    facts.client.family = PeerAddress::Family::ipv4;
    facts.client.bytes = {192, 0, 2, 7};
    facts.hostname = "mx1.example.com";
    facts.recipient = kForwardPath;
    facts.flags = envelope_flags::esmtp;
    facts.date = dates.format(1'795'449'930'000'000);
    return facts;
}

void TraceHeader(benchmark::State& state) {
    DateCache dates;
    const TraceFacts facts = trace_facts(dates);
    std::array<std::byte, kTraceBytesMax> room;
    for (auto _ : state) {
        benchmark::DoNotOptimize(write_received_header(room, facts));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(TraceHeader);

// A whole message of one recipient up to the first octet of mail data, and its release.
void MessageUpToMailData(benchmark::State& state) {
    SlabPool slabs(kPoolBytes);
    MessagePool pool(slabs, 16);
    DateCache dates;
    const TraceFacts facts = trace_facts(dates);
    std::array<std::byte, kTraceBytesMax> trace;
    for (auto _ : state) {
        Message* const message = pool.acquire(MessageId{});
        pool.append_envelope(*message, EnvelopeField::reverse_path, as_bytes(kReversePath));
        pool.append_envelope(*message, EnvelopeField::forward_path, as_bytes(kForwardPath));
        const std::size_t octets = write_received_header(trace, facts);
        pool.begin_body(*message, Bytes(trace).first(octets), 0);
        benchmark::DoNotOptimize(pool.body_room(*message).data());
        pool.release(message);
    }
}
BENCHMARK(MessageUpToMailData);

}  // namespace
}  // namespace ringmx
