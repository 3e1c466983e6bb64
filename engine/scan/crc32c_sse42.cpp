// Compiled with -msse4.2; called only where the processor has it.
#include <nmmintrin.h>

#include "scan/block_run.hpp"

namespace ringmx::scan {

namespace {

#include "scan/crc32c_lanes.inl"

struct Sse42Step {
    static std::uint64_t eight(std::uint64_t crc, std::uint64_t word) { return _mm_crc32_u64(crc, word); }
    static std::uint32_t one(std::uint32_t crc, unsigned char octet) { return _mm_crc32_u8(crc, octet); }
};

}  // namespace

std::uint32_t crc32c_sse42(std::uint32_t crc, const unsigned char* data, std::size_t size) {
    return crc_lanes<Sse42Step>(crc, data, size);
}

}  // namespace ringmx::scan
