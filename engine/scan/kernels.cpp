// Which implementations this processor can run, and which of them is used.
#include <cstdlib>
#include <vector>

#include "scan/block_kernels.hpp"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace ringmx::scan {

namespace {

std::vector<const Kernels*> find_available() {
    std::vector<const Kernels*> found{&scalar_kernels()};
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool common =
        __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi");
    if (common && __builtin_cpu_supports("avx2")) found.push_back(&avx2_kernels());
    if (common && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
        found.push_back(&avx512_kernels());
        if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("vpclmulqdq")) {
            found.push_back(&avx512_vpclmul_kernels());
        }
    }
#elif defined(__aarch64__)
    constexpr unsigned long kHasCrc32 = 1ul << 7;  // HWCAP_CRC32
    if ((getauxval(AT_HWCAP) & kHasCrc32) != 0) found.push_back(&neon_kernels());
#endif
    return found;
}

const Kernels& choose() {
    const std::span<const Kernels* const> all = available_kernels();
    if (const char* wanted = std::getenv("RINGMX_SCAN")) {
        for (const Kernels* one : all) {
            if (one->name == wanted) return *one;
        }
    }
    return *all.back();
}

}  // namespace

std::span<const Kernels* const> available_kernels() {
    static const std::vector<const Kernels*> all = find_available();
    return all;
}

const Kernels& kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

}  // namespace ringmx::scan
