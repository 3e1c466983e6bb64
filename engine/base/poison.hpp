// Marks memory that nobody may touch for now (a free chunk, a buffer that the kernel holds) for
// AddressSanitizer, which then reports the access itself. Without AddressSanitizer these are empty.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define RINGMX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGMX_ASAN 1
#endif
#endif

#if defined(RINGMX_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace ringmx {

inline void poison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(RINGMX_ASAN)
    __asan_poison_memory_region(memory, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(RINGMX_ASAN)
    __asan_unpoison_memory_region(memory, bytes);
#endif
}

}  // namespace ringmx
