// Mail data in one pass: copies a receive buffer into a message while it finds the end of data, removes dot
// stuffing, checks line ends and feeds CRC32C. RFC 5321 §4.1.1.4, §4.5.2; RFC 3030 for BDAT.
//
// Only CR LF "." CR LF ends DATA. A line starts at the start of the data and after CR LF, nowhere else: a dot
// that follows a bare LF or a bare CR is neither stuffing nor an end. The full matrix is in docs/protocol.md.
//
// The state is a plain value that survives between calls, so input may be split anywhere: any split gives the
// same output, counts, CRC and end. Every implementation equals scalar_kernels() on every input and split;
// tests and a fuzz target hold them to it. No allocation; any thread; different states do not interact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.hpp"

namespace ringmx::scan {

// What becomes of line ends that are not CR LF.
enum class LineEnds : std::uint8_t {
    normalize,  // a bare LF and a bare CR are each written as CR LF
    keep,       // bytes are written as they came (for "accept", and for "reject", where the counts decide)
};

// Where in a line the next byte falls. Stored as a small integer in DataState.
enum class Position : std::uint8_t {
    line_start,   // at the start, or after CR LF
    in_line,      // anywhere else
    after_cr,     // after a CR that has not been written yet: CR LF or a bare CR
    after_dot,    // after a dot at the start of a line, not written: end of data, or stuffing
    after_dot_cr  // after CR LF "." CR, neither written: end of data if LF follows
};

// The most that one octet of input makes: CR LF for a bare CR that was pending, and itself.
constexpr std::size_t kRoomMin = 3;

struct DataState {
    Position position = Position::line_start;
    LineEnds line_ends = LineEnds::normalize;
    bool eight_bit = false;        // an octet above 127 was seen
    std::uint32_t crc = 0;         // CRC32C of what was written; may start from earlier output
    std::uint64_t octets_in = 0;   // consumed; the size of RFC 1870 is octets_in less stuffing and terminator
    std::uint64_t octets_out = 0;  // written
    std::uint64_t bare_lf = 0;
    std::uint64_t bare_cr = 0;
    std::uint64_t nul = 0;
};

struct DataStep {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool end_of_data = false;  // DATA only: the terminator was the last thing consumed
};

// One implementation of the kernels.
//
// copy_data: DATA. Consumes until the input ends, the end of data was consumed, or `out` cannot take what the
// next input byte may produce. Never writes past out.size(); needs out.size() >= kRoomMin to make progress.
//
// copy_chunk: BDAT. The same without dots and without an end; the caller bounds `in` to the chunk. A CR at
// the end of a chunk stays pending (position after_cr), for the LF may open the next one.
//
// finish_chunks: after the last chunk: writes a pending CR as LineEnds says. Needs out.size() >= 2.
//
// crc32c: CRC32C (Castagnoli, RFC 3720 §B.4), crc32c(0, "123456789") == 0xE3069283.
// Chains: crc32c(crc32c(0, a), b).
//
// find_lf: index of the first LF in `in`, or in.size().
struct Kernels {
    std::string_view name;  // "scalar", "avx2", "avx512", "avx512_vpclmul", "neon"
    DataStep (*copy_data)(DataState& state, Bytes in, MutableBytes out);
    DataStep (*copy_chunk)(DataState& state, Bytes in, MutableBytes out);
    DataStep (*finish_chunks)(DataState& state, MutableBytes out);
    std::uint32_t (*crc32c)(std::uint32_t crc, Bytes data);
    std::size_t (*find_lf)(Bytes in);
};

// The reference: plain, branchy and obviously right.
const Kernels& scalar_kernels();

// Every implementation that this processor can run, the reference first, the best last.
std::span<const Kernels* const> available_kernels();

// The best of them, chosen once at first use. RINGMX_SCAN=name in the environment overrides it (unknown or
// unavailable names are ignored).
const Kernels& kernels();

inline std::uint32_t crc32c(std::uint32_t crc, Bytes data) {
    return kernels().crc32c(crc, data);
}

}  // namespace ringmx::scan
