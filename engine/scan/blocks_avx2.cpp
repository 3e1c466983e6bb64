// Compiled with -mavx2 -mpopcnt -mbmi; called only where the processor has them.
#include <immintrin.h>

#include "scan/block_run.hpp"

namespace ringmx::scan {

namespace {

struct Block {
    __m256i low;
    __m256i high;

    static Block load(const unsigned char* from) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)),
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32))};
    }
    void store(unsigned char* to) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), low);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), high);
    }
    static std::uint64_t join(__m256i a, __m256i b) {
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(a)) |
               std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(b))} << 32;
    }
    std::uint64_t equal(unsigned char octet) const {
        const __m256i wanted = _mm256_set1_epi8(static_cast<char>(octet));
        return join(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
    }
    bool text() const {
        const __m256i least = _mm256_min_epi8(low, high);
        return _mm256_movemask_epi8(_mm256_cmpgt_epi8(least, _mm256_setzero_si256())) == -1;
    }
    static __m256i unpaired(__m256i octets, __m256i before) {
        return _mm256_xor_si256(_mm256_cmpeq_epi8(octets, _mm256_set1_epi8('\n')),
                                _mm256_cmpeq_epi8(before, _mm256_set1_epi8('\r')));
    }
    // Zero where an octet is NUL, or a dot behind LF.
    static __m256i least(__m256i octets, __m256i before) {
        const __m256i no_dot = _mm256_or_si256(_mm256_xor_si256(octets, _mm256_set1_epi8('.')),
                                               _mm256_xor_si256(before, _mm256_set1_epi8('\n')));
        return _mm256_min_epu8(octets, no_dot);
    }
    bool plain(const Block& before) const {
        const __m256i pairs = _mm256_or_si256(unpaired(low, before.low), unpaired(high, before.high));
        const __m256i both = _mm256_min_epu8(least(low, before.low), least(high, before.high));
        const __m256i rare = _mm256_or_si256(pairs, _mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
        return _mm256_movemask_epi8(rare) == 0;
    }
    Block either(const Block& other) const {
        return {_mm256_or_si256(low, other.low), _mm256_or_si256(high, other.high)};
    }
    std::uint64_t high_bit() const { return join(low, high); }
};

#include "scan/block_run_generic.inl"

}  // namespace

void run_blocks_avx2(BlockRun& run) {
    run_blocks(run);
}

}  // namespace ringmx::scan
