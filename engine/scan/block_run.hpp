// The fast part of the scan: whole blocks of 64 octets, copied while masks look for what is rare. Written
// once over a thin type per instruction set (blocks_*.cpp); plain pointers only, so that a file compiled for
// a newer processor brings no inline function with it that others might use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringmx::scan {

// What a run works on. Between runs nothing is pending: a CR that was copied but may still prove bare is
// given back by the run (ends_in_cr).
struct BlockRun {
    const unsigned char* in;
    const unsigned char* in_end;
    unsigned char* out;
    unsigned char* out_end;
    std::uint64_t nul = 0;    // counted
    bool dots;                // DATA: a dot at the start of a line stops the run
    bool at_line_start;       // in and out: the next octet starts a line
    bool eight_bit = false;   // seen
    bool ends_in_cr = false;  // out: the octet before `in` is a CR, taken from the input and not written
};

// Copies from in to out as long as there are 64 octets of input and of room, up to the first rare octet: a
// dot at the start of a line, a bare LF, or what follows a bare CR. Leaves `in` and `out` behind what was
// taken.
using RunBlocks = void (*)(BlockRun&);

void run_blocks_avx2(BlockRun& run);
void run_blocks_avx512(BlockRun& run);
void run_blocks_neon(BlockRun& run);

// CRC32C with the processor's instruction; `crc` and the result are inverted as in crc32c().
std::uint32_t crc32c_sse42(std::uint32_t crc, const unsigned char* data, std::size_t size);
std::uint32_t crc32c_armv8(std::uint32_t crc, const unsigned char* data, std::size_t size);

}  // namespace ringmx::scan
