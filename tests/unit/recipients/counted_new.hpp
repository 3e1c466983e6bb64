// Linking counted_new.cpp replaces operator new by one that counts.
#pragma once

#include <cstddef>

namespace ringmx::recipients::test {

// Of this thread so far.
std::size_t allocations();

}  // namespace ringmx::recipients::test
