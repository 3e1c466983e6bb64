// The trace header that every message gets, and its date. Nanoseconds of one thread, warm caches.
#include <array>

#include <benchmark/benchmark.h>

#include "base/clock.hpp"
#include "trace_facts.hpp"

namespace ringmx {
namespace {

void TraceHeader(benchmark::State& state) {
    DateCache dates;
    const TraceFacts facts = micro::trace_facts(dates);
    std::array<std::byte, kTraceBytesMax> room;
    for (auto _ : state) {
        benchmark::DoNotOptimize(write_received_header(room, facts));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(TraceHeader);

// The date of a message: kept for a second, formatted anew in the next.
void TraceDate(benchmark::State& state) {
    DateCache dates;
    const std::int64_t step_us = state.range(0) * kUsPerSecond;
    std::int64_t now_us = 1'795'449'930'000'000;
    for (auto _ : state) {
        benchmark::DoNotOptimize(dates.format(now_us).data());
        now_us += step_us;
    }
}
BENCHMARK(TraceDate)->Arg(0)->Arg(1)->ArgName("seconds");

}  // namespace
}  // namespace ringmx
