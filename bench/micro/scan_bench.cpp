// The scan of mail data against memcpy on the same bytes: lines of 60 to 77 octets, in cache and from memory.
//   memcpy        copies
//   copy_data/K   copies, finds the end, dots and bad line ends, and computes CRC32C (what a session does)
//   crc32c/K      the checksum alone
// The ratio of copy_data to memcpy on the same size is the figure to quote.
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "scan/data_scan.hpp"

namespace {

using namespace ringmx;

constexpr std::size_t kInCache = 64u << 10;
constexpr std::size_t kFromMemory = 128u << 20;    // with its copy: 256 MiB
constexpr std::size_t kReceiveOctets = 64u << 10;  // handed to the kernel at once, as a session does

const std::string& mail_text(std::size_t size) {
    static std::string text;
    if (text.size() == size) return text;
    text.clear();
    for (std::uint32_t x = 1; text.size() < size;) {
        x = x * 1664525 + 1013904223;
        text.append(58 + (x >> 24) % 18, static_cast<char>('a' + (x >> 16) % 26)).append("\r\n");
    }
    text.resize(size);
    return text;
}

void report(benchmark::State& state, std::size_t size) {
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}

void memcpy_pieces(benchmark::State& state, std::size_t size) {
    const std::string& text = mail_text(size);
    std::vector<std::byte> out(size);
    for (auto _ : state) {
        for (std::size_t at = 0; at < size; at += kReceiveOctets) {
            std::memcpy(out.data() + at, text.data() + at, kReceiveOctets);
            benchmark::ClobberMemory();
        }
    }
    report(state, size);
}

void copy_data(benchmark::State& state, const scan::Kernels* kernels, std::size_t size) {
    const std::string& text = mail_text(size);
    std::vector<std::byte> out(size + 64);
    for (auto _ : state) {
        scan::DataState data;
        std::size_t written = 0;
        for (std::size_t at = 0; at < size; at += kReceiveOctets) {
            const Bytes in = as_bytes(std::string_view(text).substr(at, kReceiveOctets));
            written += kernels->copy_data(data, in, MutableBytes(out).subspan(written)).produced;
        }
        benchmark::DoNotOptimize(data.crc);
        benchmark::ClobberMemory();
    }
    report(state, size);
}

void crc32c(benchmark::State& state, const scan::Kernels* kernels, std::size_t size) {
    const std::string& text = mail_text(size);
    for (auto _ : state)
        benchmark::DoNotOptimize(kernels->crc32c(0, as_bytes(text)));
    report(state, size);
}

const bool registered = [] {
    for (const std::size_t size : {kInCache, kFromMemory}) {
        const std::string where = size == kInCache ? "/cache" : "/memory";
        benchmark::RegisterBenchmark(("memcpy" + where).c_str(), memcpy_pieces, size);
        for (const scan::Kernels* kernels : scan::available_kernels()) {
            const std::string name = std::string(kernels->name) + where;
            benchmark::RegisterBenchmark(("copy_data/" + name).c_str(), copy_data, kernels, size);
            benchmark::RegisterBenchmark(("crc32c/" + name).c_str(), crc32c, kernels, size);
        }
    }
    return true;
}();

}  // namespace
