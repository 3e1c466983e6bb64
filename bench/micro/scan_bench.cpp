// The scan of mail data against memcpy on the same octets: lines of 60 to 77 octets, in cache and from
// memory.
//   memcpy          copies
//   scan/R          finds dots and bad line ends; what it writes stays in the first-level cache (4 KiB)
//   copy/R          the same, and copies
//   copy_data/K     the same, and CRC32C: what a session does
//   copy_chunk/K    the same for BDAT: without dots
//   rare/K/...      copy_data in cache on what a hostile or odd sender writes; pieces_N: ordinary text, N
//   octets
//                   at a time
// The ratio to memcpy on the same size is the figure to quote. R is a run of blocks (scan/block_run.hpp), K a
// set of kernels (scan/data_scan.hpp).
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "mail_text.hpp"
#include "scan/block_run.hpp"
#include "scan/data_scan.hpp"

namespace {

using namespace ringmx;
using micro::lines;
using micro::mail_text;
using micro::repeated;

constexpr std::size_t kInCache = 64u << 10;
constexpr std::size_t kFromMemory = 128u << 20;    // with its copy: 256 MiB
constexpr std::size_t kStripOctets = 4u << 10;     // of output between two passes of the checksum
constexpr std::size_t kReceiveOctets = 64u << 10;  // handed to the kernel at once, as a session does

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

// `room`: octets of output that are written again and again, or 0: as large as the input.
void run_blocks(benchmark::State& state, scan::RunBlocks run_blocks, std::size_t size, std::size_t room) {
    const std::string& text = mail_text(size);
    // Where a cache line begins, as strips do in a session: memcpy's own output is aligned by memcpy.
    const std::size_t octets = room == 0 ? size : room;
    std::unique_ptr<unsigned char, decltype(&std::free)> memory(
        static_cast<unsigned char*>(std::aligned_alloc(kStripOctets, octets)), &std::free);
    std::memset(memory.get(), 0, octets);
    const auto* const start = reinterpret_cast<const unsigned char*>(text.data());
    std::uint64_t seen = 0;
    for (auto _ : state) {
        bool at_line_start = true;
        for (std::size_t at = 0; at + kStripOctets <= size; at += kStripOctets) {
            unsigned char* const to = memory.get() + (room == 0 ? at : 0);
            scan::BlockRun run{.in = start + at,
                               .in_end = start + at + kStripOctets,
                               .out = to,
                               .out_end = to + kStripOctets,
                               .normalize = true,
                               .dots = true,
                               .at_line_start = at_line_start};
            run_blocks(run);
            at_line_start = run.at_line_start;
            seen += static_cast<std::uint64_t>(run.in - start) + run.nul;
        }
        benchmark::DoNotOptimize(seen);
        benchmark::ClobberMemory();
    }
    report(state, size);
}

void copy_text(benchmark::State& state, const scan::Kernels* kernels, const std::string& text,
               std::size_t piece) {
    std::vector<std::byte> out(text.size() * 2 + scan::kRoomMin);
    std::size_t consumed = 0;
    for (auto _ : state) {
        scan::DataState data;
        std::size_t written = 0;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            const Bytes in = as_bytes(std::string_view(text).substr(at, piece));
            written += kernels->copy_data(data, in, MutableBytes(out).subspan(written)).produced;
        }
        consumed = data.octets_in;
        benchmark::DoNotOptimize(data.crc);
        benchmark::ClobberMemory();
    }
    if (consumed != text.size()) state.SkipWithError("the data ended too early");
    report(state, text.size());
}

void copy_chunk(benchmark::State& state, const scan::Kernels* kernels, std::size_t size) {
    const std::string& text = mail_text(size);
    std::vector<std::byte> out(size + scan::kRoomMin);
    for (auto _ : state) {
        scan::DataState data;
        std::size_t written = 0;
        for (std::size_t at = 0; at < size; at += kReceiveOctets) {
            const Bytes in = as_bytes(std::string_view(text).substr(at, kReceiveOctets));
            written += kernels->copy_chunk(data, in, MutableBytes(out).subspan(written)).produced;
        }
        benchmark::DoNotOptimize(data.crc);
        benchmark::ClobberMemory();
    }
    report(state, size);
}

void copy_data(benchmark::State& state, const scan::Kernels* kernels, std::size_t size) {
    copy_text(state, kernels, mail_text(size), kReceiveOctets);
}

struct Run {
    const char* name;
    scan::RunBlocks run;
};

std::vector<Run> available_runs() {
    std::vector<Run> runs;
#if defined(__x86_64__)
    for (const scan::Kernels* kernels : scan::available_kernels()) {
        if (kernels->name == "avx2") runs.push_back({"avx2", scan::run_blocks_avx2});
        if (kernels->name == "avx512") runs.push_back({"avx512", scan::run_blocks_avx512});
    }
#elif defined(__aarch64__)
    runs.push_back({"neon", scan::run_blocks_neon});
#endif
    return runs;
}

void register_on_text(std::size_t size, const std::string& where) {
    benchmark::RegisterBenchmark(("memcpy" + where).c_str(), memcpy_pieces, size);
    for (const Run& one : available_runs()) {
        benchmark::RegisterBenchmark(("scan/" + std::string(one.name) + where).c_str(), run_blocks, one.run,
                                     size, kStripOctets);
        benchmark::RegisterBenchmark(("copy/" + std::string(one.name) + where).c_str(), run_blocks, one.run,
                                     size, std::size_t{0});
    }
    for (const scan::Kernels* kernels : scan::available_kernels()) {
        const std::string name = std::string(kernels->name) + where;
        benchmark::RegisterBenchmark(("copy_data/" + name).c_str(), copy_data, kernels, size);
        benchmark::RegisterBenchmark(("copy_chunk/" + name).c_str(), copy_chunk, kernels, size);
    }
}

void register_rare() {
    struct Case {
        const char* name;
        std::string text;
        std::size_t piece = kInCache;
    };
    const std::vector<Case> cases = {
        {"dot_lines", lines("..", "\r\n", kInCache)},
        {"bare_lf_lines", lines("", "\n", kInCache)},
        {"bare_cr_lines", lines("", "\r", kInCache)},
        {"only_dots", repeated("..\r\n", kInCache)},
        {"only_bare_lf", repeated("\n", kInCache)},
        {"only_bare_cr", repeated("\r", kInCache - 1) + "x"},
        {"eight_bit", lines("\xd0\x9f\xd1\x80", "\r\n", kInCache)},
        {"pieces_1448", mail_text(kInCache), 1448},
        {"pieces_100", mail_text(kInCache), 100},
    };
    for (const scan::Kernels* kernels : scan::available_kernels()) {
        for (const Case& one : cases) {
            const std::string name = "rare/" + std::string(kernels->name) + "/" + one.name;
            benchmark::RegisterBenchmark(name.c_str(), copy_text, kernels, one.text, one.piece);
        }
    }
}

const bool registered = [] {
    register_on_text(kInCache, "/cache");
    register_on_text(kFromMemory, "/memory");
    register_rare();
    return true;
}();

}  // namespace
