// Which implementations this processor can run, and which of them is used.
#include <cstdlib>
#include <vector>

#include "scan/data_scan.hpp"

namespace ringmx::scan {

namespace {

std::vector<const Kernels*> find_available() {
    std::vector<const Kernels*> found{&scalar_kernels()};
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
