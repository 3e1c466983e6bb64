#include "message/mapping.hpp"

#include <new>

#include <sys/mman.h>

#include "base/assert.hpp"

namespace ringmx {

Mapping::Mapping(std::size_t bytes) : data_(nullptr), bytes_(bytes) {
    void* const at =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(at);
}

Mapping::~Mapping() {
    munmap(data_, bytes_);
}

void Mapping::forget(std::size_t offset, std::size_t bytes) {
    RMX_ASSERT(offset <= bytes_ && bytes <= bytes_ - offset);
    // A refusal leaves the pages resident, which is harmless: they are used again as they are.
    (void)madvise(data_ + offset, bytes, MADV_DONTNEED);
}

}  // namespace ringmx
