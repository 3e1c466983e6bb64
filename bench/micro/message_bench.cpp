// What a message costs before its mail data: envelope, trace header, chunk. Nanoseconds of one thread, warm
// caches.
#include <array>
#include <string_view>

#include <benchmark/benchmark.h>

#include "message/message.hpp"
#include "message/trace.hpp"
#include "trace_facts.hpp"

namespace ringmx {
namespace {

constexpr std::size_t kPoolBytes = 64u << 20;
constexpr std::string_view kReversePath = "newsletter-bounces+4711@lists.example.org";
using micro::kForwardPath;

void EnvelopeAppend(benchmark::State& state) {
    std::array<std::byte, 256> room;
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            append_envelope_record(room, EnvelopeField::forward_path, as_bytes(kForwardPath)));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(EnvelopeAppend);

// A whole message of one recipient up to the first octet of mail data, and its release.
void MessageUpToMailData(benchmark::State& state) {
    SlabPool slabs(kPoolBytes);
    MessagePool pool(slabs, 16);
    DateCache dates;
    const TraceFacts facts = micro::trace_facts(dates);
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
