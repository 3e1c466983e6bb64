// The fast part of the scan: blocks of 64 octets, copied while masks look for what is rare. Written once over
// a thin type per instruction set (blocks_*.cpp); plain pointers only, so that a file compiled for a newer
// processor brings no inline function with it that others might use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringmx::scan {

// A run ends where rare octets are closer together than this: there the octet steps are as fast.
constexpr std::size_t kRunGapMin = 8;

// How far ahead of the block the input is fetched. The processor's own prefetching stops at the end of a page
// and while a strip's checksum is computed.
constexpr std::size_t kPrefetchOctets = 1536;

// What a run works on. Between runs nothing is pending: a CR that was copied but may still prove bare is
// given back by the run (ends_in_cr).
struct BlockRun {
    const unsigned char* in;
    const unsigned char* in_end;
    unsigned char* out;
    unsigned char* out_end;
    std::uint64_t nul = 0;  // counted
    std::uint64_t bare_lf = 0;
    std::uint64_t bare_cr = 0;
    bool normalize;           // bare LF and CR are written as CR LF
    bool dots;                // DATA: a dot at the start of a line is stuffing or the end
    bool at_line_start;       // in and out: the next octet starts a line
    bool eight_bit = false;   // seen
    bool ends_in_cr = false;  // out: the octet before `in` is a CR, taken from the input and not written
};

// Copies from in to out until one of them ends, or up to the first octet that takes the octet steps: a dot at
// the start of a line before CR, and whatever is rare where rare octets are close together or the input or
// the room ends. Reads nothing behind in_end and writes nothing behind out_end. Leaves `in` and `out` behind
// what was taken.
using RunBlocks = void (*)(BlockRun&);

void run_blocks_avx2(BlockRun& run);
void run_blocks_avx512(BlockRun& run);
void run_blocks_neon(BlockRun& run);

// CRC32C with the processor's instruction; `crc` and the result are inverted as in crc32c().
std::uint32_t crc32c_sse42(std::uint32_t crc, const unsigned char* data, std::size_t size);
std::uint32_t crc32c_vpclmul(std::uint32_t crc, const unsigned char* data, std::size_t size);
std::uint32_t crc32c_armv8(std::uint32_t crc, const unsigned char* data, std::size_t size);

}  // namespace ringmx::scan
