// For AArch64, where NEON is always there.
#include <arm_neon.h>

#include "scan/block_run.hpp"

namespace ringmx::scan {

namespace {

struct Block {
    uint8x16_t part[4];

    static Block load(const unsigned char* from) {
        return {{vld1q_u8(from), vld1q_u8(from + 16), vld1q_u8(from + 32), vld1q_u8(from + 48)}};
    }
    void store(unsigned char* to) const {
        for (int i = 0; i < 4; ++i)
            vst1q_u8(to + 16 * i, part[i]);
    }
    // Bit i of the result is octet i, each octet all ones or all zeros: every lane keeps its own bit,
    // pairwise additions gather eight of them in one octet.
    static std::uint64_t gather(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
        const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
        const uint8x16_t ab = vpaddq_u8(vandq_u8(a, bits), vandq_u8(b, bits));
        const uint8x16_t cd = vpaddq_u8(vandq_u8(c, bits), vandq_u8(d, bits));
        const uint8x16_t all = vpaddq_u8(vpaddq_u8(ab, cd), vpaddq_u8(ab, cd));
        return vgetq_lane_u64(vreinterpretq_u64_u8(all), 0);
    }
    std::uint64_t equal(unsigned char octet) const {
        const uint8x16_t wanted = vdupq_n_u8(octet);
        return gather(vceqq_u8(part[0], wanted), vceqq_u8(part[1], wanted), vceqq_u8(part[2], wanted),
                      vceqq_u8(part[3], wanted));
    }
    bool text() const {
        const int8x16_t ab = vminq_s8(vreinterpretq_s8_u8(part[0]), vreinterpretq_s8_u8(part[1]));
        const int8x16_t cd = vminq_s8(vreinterpretq_s8_u8(part[2]), vreinterpretq_s8_u8(part[3]));
        return vminvq_s8(vminq_s8(ab, cd)) > 0;
    }
    // Not written for NEON yet: every block takes the masks.
    bool plain(const Block&) const { return false; }
    Block either(const Block& other) const {
        return {{vorrq_u8(part[0], other.part[0]), vorrq_u8(part[1], other.part[1]),
                 vorrq_u8(part[2], other.part[2]), vorrq_u8(part[3], other.part[3])}};
    }
    std::uint64_t high_bit() const {
        const uint8x16_t limit = vdupq_n_u8(0x80);
        return gather(vcgeq_u8(part[0], limit), vcgeq_u8(part[1], limit), vcgeq_u8(part[2], limit),
                      vcgeq_u8(part[3], limit));
    }
};

#include "scan/block_run_generic.inl"

}  // namespace

void run_blocks_neon(BlockRun& run) {
    run_blocks(run);
}

}  // namespace ringmx::scan
