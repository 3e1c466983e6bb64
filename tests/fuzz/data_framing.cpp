// Differential: every kernel against the scalar reference, and that against a model, over pieces and rooms
// that the input itself chooses. The first octets choose the mode, the rule for line ends and the seed of the
// pieces; the rest is mail data.
#include <cstdint>
#include <cstdlib>

#include "mail_data_model.hpp"
#include "scan_driver.hpp"

using namespace ringmx;
using namespace ringmx::scan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kChoices = 4;
    if (size < kChoices) return 0;
    const Mode mode = (data[0] & 1) != 0 ? Mode::data : Mode::chunk;
    const LineEnds ends = (data[0] & 2) != 0 ? LineEnds::normalize : LineEnds::keep;
    const std::size_t piece_max = data[1] + 1u;
    const std::size_t room_max = data[2] + 1u;
    const std::string_view input(reinterpret_cast<const char*>(data) + kChoices, size - kChoices);

    const Outcome expected = run_whole(scalar_kernels(), input, mode, ends);
    if (difference(expected, meaning_of(input, mode, ends), input.size()) != nullptr) std::abort();
    for (const Kernels* kernels : available_kernels()) {
        std::uint32_t x = data[3] + 1u;
        const auto next = [&x](std::size_t max) {
            x = x * 1664525 + 1013904223;
            return 1 + (x >> 16) % max;
        };
        const Outcome pieces = run(
            *kernels, input, mode, ends, [&](std::size_t) { return next(piece_max); },
            [&] { return next(room_max); });
        if (!(pieces == expected) || !(run_whole(*kernels, input, mode, ends) == expected)) std::abort();
    }
    return 0;
}
