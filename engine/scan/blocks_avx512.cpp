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
    // Masks stay in mask registers, and most of the work is spread over both vector ports: comparisons have
    // one.
    bool plain(const Block& before) const {
        const __mmask64 unpaired =
            _kxor_mask64(_mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8('\n')),
                         _mm512_cmpeq_epi8_mask(before.octets, _mm512_set1_epi8('\r')));
        constexpr int kXorOr = 0xbe;  // (a ^ b) | c
        const __m512i no_dot =        // zero: a dot behind LF
            _mm512_ternarylogic_epi64(_mm512_set1_epi8('.'), octets,
                                      _mm512_xor_si512(before.octets, _mm512_set1_epi8('\n')), kXorOr);
        const __m512i least = _mm512_min_epu8(octets, no_dot);
        return _kortestz_mask64_u8(unpaired, _mm512_testn_epi8_mask(least, least)) != 0;
    }
    Block either(const Block& other) const { return {_mm512_or_si512(octets, other.octets)}; }
    std::uint64_t high_bit() const { return _mm512_movepi8_mask(octets); }
};

#include "scan/block_run_generic.inl"

}  // namespace

void run_blocks_avx512(BlockRun& run) {
    run_blocks(run);
}

}  // namespace ringmx::scan
