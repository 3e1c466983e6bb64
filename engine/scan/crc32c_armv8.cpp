// Compiled with -march=armv8-a+crc; called only where the processor has it.
#include <arm_acle.h>

#include "scan/block_run.hpp"

namespace ringmx::scan {

namespace {

#include "scan/crc32c_lanes.inl"

struct Armv8Step {
    static std::uint64_t eight(std::uint64_t crc, std::uint64_t word) {
        return __crc32cd(static_cast<std::uint32_t>(crc), word);
    }
    static std::uint32_t one(std::uint32_t crc, unsigned char octet) { return __crc32cb(crc, octet); }
};

}  // namespace

std::uint32_t crc32c_armv8(std::uint32_t crc, const unsigned char* data, std::size_t size) {
    return crc_lanes<Armv8Step>(crc, data, size);
}

}  // namespace ringmx::scan
