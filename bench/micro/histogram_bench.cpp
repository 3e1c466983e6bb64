// ringmx-load's histogram: what recording one latency costs the generator.
#include <array>

#include <benchmark/benchmark.h>

#include "histogram.hpp"

namespace ringmx::load {
namespace {

void HistogramRecord(benchmark::State& state) {
    Histogram histogram;
    std::array<std::int64_t, 1024> values;
    std::uint32_t x = 1;
    for (std::int64_t& value : values) {
        x = x * 1664525 + 1013904223;
        value = (x >> 12) * (1 + (x & 7));  // up to 8 ms
    }
    std::size_t at = 0;
    for (auto _ : state)
        histogram.record(values[at++ % values.size()]);
    benchmark::DoNotOptimize(histogram.count());
}
BENCHMARK(HistogramRecord);

void HistogramPercentile(benchmark::State& state) {
    Histogram histogram;
    for (std::int64_t value = 0; value < 1'000'000; ++value)
        histogram.record(value * 37);
    for (auto _ : state)
        benchmark::DoNotOptimize(histogram.at(0.999));
}
BENCHMARK(HistogramPercentile);

}  // namespace
}  // namespace ringmx::load
