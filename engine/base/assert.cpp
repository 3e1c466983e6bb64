#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace ringmx {

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "ringmx: invariant broken: %s at %s:%d\n", expression, file, line);
    std::abort();
}

}  // namespace ringmx
