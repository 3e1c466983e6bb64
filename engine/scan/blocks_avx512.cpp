// Compiled with -mavx512f -mavx512bw -mpopcnt -mbmi; called only where the processor has them.
#include <immintrin.h>

#include "scan/block_run.hpp"

namespace ringmx::scan {

namespace {

struct Block {
    __m512i octets;

    static Block load(const unsigned char* from) { return {_mm512_loadu_si512(from)}; }
    void store(unsigned char* to) const { _mm512_storeu_si512(to, octets); }
    std::uint64_t equal(unsigned char octet) const {
        return _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(static_cast<char>(octet)));
    }
    bool text() const { return _mm512_cmple_epi8_mask(octets, _mm512_setzero_si512()) == 0; }
    std::uint64_t high_bit() const { return _mm512_movepi8_mask(octets); }
};

#include "scan/block_run_generic.inl"

}  // namespace

void run_blocks_avx512(BlockRun& run) {
    run_blocks(run);
}

}  // namespace ringmx::scan
