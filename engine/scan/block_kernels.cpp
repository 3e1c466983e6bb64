// Joins the three ways through mail data: blocks, single octets where blocks do not help, and the checksum
// over each strip while it is still in the first-level cache.
#include "scan/block_kernels.hpp"

#include <algorithm>
#include <cstring>

#include "scan/octet_steps.hpp"

namespace ringmx::scan {

namespace {

constexpr std::size_t kStripOctets = 4096;  // written between two passes of the checksum
constexpr std::size_t kLineOctets = 64;     // of the cache
constexpr std::size_t kDenseSteps = 256;    // octets taken singly where runs are short

using Crc = std::uint32_t (*)(std::uint32_t, const unsigned char*, std::size_t);

const unsigned char* raw(const std::byte* at) {
    return reinterpret_cast<const unsigned char*>(at);
}
unsigned char* raw(std::byte* at) {
    return reinterpret_cast<unsigned char*>(at);
}

bool between_octets(Position position) {
    return position == Position::line_start || position == Position::in_line;
}

// One run of blocks; what it took and wrote is added to `step`. Returns the octets taken.
template <RunBlocks kRun>
std::size_t take_blocks(DataState& state, Bytes in, MutableBytes out, bool dots, DataStep& step) {
    BlockRun run{.in = raw(in.data()),
                 .in_end = raw(in.data()) + in.size(),
                 .out = raw(out.data()),
                 .out_end = raw(out.data()) + out.size(),
                 .normalize = state.line_ends == LineEnds::normalize,
                 .dots = dots,
                 .at_line_start = state.position == Position::line_start};
    kRun(run);
    const auto taken = static_cast<std::size_t>(run.in - raw(in.data()));
    if (taken == 0) return 0;
    step.consumed += taken;
    step.produced += static_cast<std::size_t>(run.out - raw(out.data()));
    state.nul += run.nul;
    state.bare_lf += run.bare_lf;
    state.bare_cr += run.bare_cr;
    state.eight_bit = state.eight_bit || run.eight_bit;
    state.position = run.ends_in_cr      ? Position::after_cr
                     : run.at_line_start ? Position::line_start
                                         : Position::in_line;
    return taken;
}

// Goes on until the input ends, the room ends, or the data ends; no checksum.
template <RunBlocks kRun>
DataStep take_strip(DataState& state, Bytes in, MutableBytes out, bool dots) {
    DataStep step;
    std::size_t singly = 1;  // octets to take behind a run: what stopped it, and more where runs are short
    while (!step.end_of_data && step.consumed < in.size()) {
        if (between_octets(state.position)) {
            const std::size_t taken =
                take_blocks<kRun>(state, in.subspan(step.consumed), out.subspan(step.produced), dots, step);
            singly = taken < kRunGapMin ? kDenseSteps : 1;
        }
        const Bytes rest = in.subspan(step.consumed);
        const MutableBytes room = out.subspan(step.produced);
        const DataStep octets = step_octets(state, rest.first(std::min(rest.size(), singly)), room, dots);
        step.consumed += octets.consumed;
        step.produced += octets.produced;
        step.end_of_data = octets.end_of_data;
        if (octets.consumed == 0) break;
        if (!between_octets(state.position)) singly = std::min(singly * 2, kDenseSteps);
    }
    return step;
}

template <RunBlocks kRun, Crc kCrc>
DataStep copy(DataState& state, Bytes in, MutableBytes out, bool dots) {
    DataStep total;
    for (;;) {
        const MutableBytes rest = out.subspan(total.produced);
        // Strips end where cache lines end, so that only the first one begins within a line.
        const std::size_t into_line = reinterpret_cast<std::uintptr_t>(rest.data()) % kLineOctets;
        const MutableBytes strip = rest.first(std::min(rest.size(), kStripOctets - into_line));
        const DataStep step = take_strip<kRun>(state, in.subspan(total.consumed), strip, dots);
        state.crc = kCrc(state.crc, raw(strip.data()), step.produced);
        total.consumed += step.consumed;
        total.produced += step.produced;
        total.end_of_data = step.end_of_data;
        // A strip may end with a little room that the next octet does not fit: then the next strip takes it.
        if (step.end_of_data || step.consumed == 0 || total.consumed == in.size()) break;
    }
    state.octets_in += total.consumed;
    state.octets_out += total.produced;
    return total;
}

template <RunBlocks kRun, Crc kCrc>
DataStep copy_data(DataState& state, Bytes in, MutableBytes out) {
    return copy<kRun, kCrc>(state, in, out, true);
}

template <RunBlocks kRun, Crc kCrc>
DataStep copy_chunk(DataState& state, Bytes in, MutableBytes out) {
    return copy<kRun, kCrc>(state, in, out, false);
}

template <Crc kCrc>
DataStep finish_chunks(DataState& state, MutableBytes out) {
    const DataStep step = finish_octets(state, out);
    state.crc = kCrc(state.crc, raw(out.data()), step.produced);
    state.octets_out += step.produced;
    return step;
}

template <Crc kCrc>
std::uint32_t crc32c_of(std::uint32_t crc, Bytes data) {
    return kCrc(crc, raw(data.data()), data.size());
}

// The C library's search is as fast as one of ours would be.
std::size_t find_lf(Bytes in) {
    if (in.empty()) return 0;
    const void* found = std::memchr(in.data(), '\n', in.size());
    return found == nullptr ? in.size()
                            : static_cast<std::size_t>(static_cast<const std::byte*>(found) - in.data());
}

template <RunBlocks kRun, Crc kCrc>
constexpr Kernels make(std::string_view name) {
    return {name,   copy_data<kRun, kCrc>, copy_chunk<kRun, kCrc>, finish_chunks<kCrc>, crc32c_of<kCrc>,
            find_lf};
}

}  // namespace

#if defined(__x86_64__)

const Kernels& avx2_kernels() {
    static constexpr Kernels all = make<run_blocks_avx2, crc32c_sse42>("avx2");
    return all;
}

const Kernels& avx512_kernels() {
    static constexpr Kernels all = make<run_blocks_avx512, crc32c_sse42>("avx512");
    return all;
}

const Kernels& avx512_vpclmul_kernels() {
    static constexpr Kernels all = make<run_blocks_avx512, crc32c_vpclmul>("avx512_vpclmul");
    return all;
}

#elif defined(__aarch64__)

const Kernels& neon_kernels() {
    static constexpr Kernels all = make<run_blocks_neon, crc32c_armv8>("neon");
    return all;
}

#endif

}  // namespace ringmx::scan
