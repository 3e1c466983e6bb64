#include "base/clock.hpp"

#include <ctime>

namespace ringmx {

Now read_clock() {
    timespec mono{};
    timespec wall{};
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return Now{mono.tv_sec * kNsPerSecond + mono.tv_nsec,
               wall.tv_sec * kUsPerSecond + wall.tv_nsec / kNsPerUs};
}

}  // namespace ringmx
