// Runs a kernel over input that arrives in pieces into room that comes in pieces, as a session does.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "scan/data_scan.hpp"

namespace ringmx::scan {

struct Outcome {
    std::string stored;
    std::string rest;  // behind the end of data
    bool ended = false;
    const char* fault = nullptr;  // a promise of the kernel that was broken on the way
    DataState state;

    bool operator==(const Outcome& other) const {
        const auto facts = [](const Outcome& o) {
            return std::make_tuple(std::string_view(o.stored), std::string_view(o.rest), o.ended, o.fault,
                                   o.state.position, o.state.eight_bit, o.state.crc, o.state.octets_in,
                                   o.state.octets_out, o.state.bare_lf, o.state.bare_cr, o.state.nul);
        };
        return facts(*this) == facts(other);
    }
};

enum class Mode { data, chunk };

// `next_piece(left)` and `next_room()` choose how much input is offered and how much room is given each time.
inline Outcome run(const Kernels& kernels, std::string_view input, Mode mode, LineEnds ends,
                   const std::function<std::size_t(std::size_t)>& next_piece,
                   const std::function<std::size_t()>& next_room) {
    Outcome outcome;
    outcome.state.line_ends = ends;
    const auto copy = mode == Mode::data ? kernels.copy_data : kernels.copy_chunk;
    std::size_t at = 0;
    constexpr std::size_t kGuardOctets = 80;  // behind the room: more than a block, to find writes beyond it
    constexpr std::byte kGuard{0xa5};
    std::vector<std::byte> memory;
    while (at < input.size() && !outcome.ended) {
        std::string_view piece = input.substr(at, std::max<std::size_t>(next_piece(input.size() - at), 1));
        while (!piece.empty() && !outcome.ended) {
            const std::size_t size = std::max(next_room(), kRoomMin);
            memory.assign(size + kGuardOctets, kGuard);
            const MutableBytes room = MutableBytes(memory).first(size);
            const DataStep step = copy(outcome.state, as_bytes(piece), room);
            const Bytes behind = Bytes(memory).subspan(size);
            if (std::ranges::any_of(behind, [](std::byte octet) { return octet != kGuard; })) {
                outcome.fault = "wrote behind the room";
            }
            if (step.consumed == 0) outcome.fault = "no progress";
            if (outcome.fault != nullptr) return outcome;
            outcome.stored += as_text(Bytes{room.data(), step.produced});
            outcome.ended = step.end_of_data;
            piece.remove_prefix(step.consumed);
            at += step.consumed;
        }
    }
    if (mode == Mode::chunk) {
        std::array<std::byte, 2> room{};
        const DataStep step = kernels.finish_chunks(outcome.state, room);
        outcome.stored += as_text(Bytes{room}.first(step.produced));
    }
    outcome.rest = input.substr(at);
    return outcome;
}

inline Outcome run_whole(const Kernels& kernels, std::string_view input, Mode mode = Mode::data,
                         LineEnds ends = LineEnds::normalize) {
    return run(
        kernels, input, mode, ends, [](std::size_t left) { return left; },
        [&] { return input.size() * 2 + 4; });
}

}  // namespace ringmx::scan
