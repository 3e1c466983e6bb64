// What mail data means, told in another way than the kernels do: the whole input at once, with looking ahead,
// no state. The scalar reference shares its steps with the other kernels, so that it alone would not find a
// mistake in them.
#pragma once

#include <string>
#include <string_view>

#include "scan/data_scan.hpp"
#include "scan_driver.hpp"

namespace ringmx::scan {

struct Meaning {
    std::string stored;
    std::string rest;  // behind the end of data
    bool ended = false;
    std::uint64_t bare_lf = 0;
    std::uint64_t bare_cr = 0;
    std::uint64_t nul = 0;
    bool eight_bit = false;
};

inline Meaning meaning_of(std::string_view input, Mode mode, LineEnds ends) {
    Meaning meaning;
    bool line_start = true;
    while (!input.empty()) {
        if (mode == Mode::data && line_start && input.front() == '.') {
            if (input.starts_with(".\r\n")) {
                meaning.ended = true;
                meaning.rest = input.substr(3);
                return meaning;
            }
            if (input == "." || input == ".\r") return meaning;  // not decided
            input.remove_prefix(1);
            line_start = false;
            continue;
        }
        if (input.starts_with("\r\n")) {
            meaning.stored += "\r\n";
            input.remove_prefix(2);
            line_start = true;
            continue;
        }
        if (input == "\r" && mode == Mode::data) return meaning;  // not decided
        const char c = input.front();
        const bool bare = c == '\r' || c == '\n';
        if (c == '\r') ++meaning.bare_cr;
        if (c == '\n') ++meaning.bare_lf;
        if (c == '\0') ++meaning.nul;
        if (static_cast<unsigned char>(c) > 127) meaning.eight_bit = true;
        meaning.stored += bare && ends == LineEnds::normalize ? std::string("\r\n") : std::string(1, c);
        input.remove_prefix(1);
        line_start = false;
    }
    return meaning;
}

// The first fact in which an outcome differs from the model, or nullptr.
inline const char* difference(const Outcome& outcome, const Meaning& meaning, std::size_t input_size) {
    if (outcome.fault != nullptr) return outcome.fault;
    if (outcome.stored != meaning.stored) return "stored";
    if (outcome.ended != meaning.ended) return "ended";
    if (outcome.rest != meaning.rest) return "rest";
    if (outcome.state.bare_lf != meaning.bare_lf) return "bare_lf";
    if (outcome.state.bare_cr != meaning.bare_cr) return "bare_cr";
    if (outcome.state.nul != meaning.nul) return "nul";
    if (outcome.state.eight_bit != meaning.eight_bit) return "eight_bit";
    if (outcome.state.octets_in != input_size - meaning.rest.size()) return "octets_in";
    if (outcome.state.octets_out != meaning.stored.size()) return "octets_out";
    if (outcome.state.crc != scalar_kernels().crc32c(0, as_bytes(meaning.stored))) return "crc";
    return nullptr;
}

}  // namespace ringmx::scan
