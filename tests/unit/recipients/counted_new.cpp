// In a file of its own, so that no compiler sees through it and doubts that new and delete belong together.
#include "counted_new.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t count = 0;

}  // namespace

void* operator new(std::size_t octets) {
    ++count;
    if (void* const memory = std::malloc(octets)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace ringmx::recipients::test {

std::size_t allocations() {
    return count;
}

}  // namespace ringmx::recipients::test
