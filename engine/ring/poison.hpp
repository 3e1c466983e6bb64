// Marks memory that the kernel holds, so that AddressSanitizer reports whoever reads it meanwhile. Nothing in
// other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define RINGMX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGMX_ASAN 1
#endif
#endif

#ifdef RINGMX_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace ringmx::ring {

inline void poison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t octets) {
#ifdef RINGMX_ASAN
    __asan_poison_memory_region(memory, octets);
#endif
}

inline void unpoison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t octets) {
#ifdef RINGMX_ASAN
    __asan_unpoison_memory_region(memory, octets);
#endif
}

}  // namespace ringmx::ring
