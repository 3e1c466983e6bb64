// CRC32C with each set of kernels: of a frame header, a small message, a strip of the scan, a large chunk.
#include <string>

#include <benchmark/benchmark.h>

#include "mail_text.hpp"
#include "scan/data_scan.hpp"

namespace {

using namespace ringmx;

void crc32c(benchmark::State& state, const scan::Kernels* kernels, std::size_t size) {
    const std::string text = micro::lines("", "\r\n", size);
    for (auto _ : state)
        benchmark::DoNotOptimize(kernels->crc32c(0, as_bytes(text)));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}

const bool registered = [] {
    for (const scan::Kernels* kernels : scan::available_kernels()) {
        for (const std::size_t size :
             {std::size_t{124}, std::size_t{1024}, std::size_t{4096}, std::size_t{65536}}) {
            const std::string name = "crc32c/" + std::string(kernels->name) + "/" + std::to_string(size);
            benchmark::RegisterBenchmark(name.c_str(), crc32c, kernels, size);
        }
    }
    return true;
}();

}  // namespace
