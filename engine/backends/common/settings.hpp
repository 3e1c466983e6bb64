// What the shipped backends have in common about options and text: durability, durations, words, and text
// from a counterpart made fit for a reply and a log line. Errors are thrown, as from ringmx::plugin::Options:
// in the backend's constructor they stop the start with their text.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "ringmx/backend.hpp"

namespace ringmx::backends {

// What complete() keeps of a text.
constexpr std::size_t text_octets_max = 200;

// The option `durability`, which the operator asserts of the counterpart: "none", "process", "machine" (the
// default) or "replicated".
plugin::Durability durability_option(const plugin::Options& options);

// A duration as in the configuration: "30", "30s", "5m", "1h", "1d"; limits and default in seconds.
std::chrono::milliseconds duration_option(const plugin::Options& options, std::string_view name,
                                          std::chrono::seconds fallback, std::chrono::seconds least,
                                          std::chrono::seconds most);

// One of `words`; the first is the default. Returns its index.
std::size_t word_option(const plugin::Options& options, std::string_view name,
                        std::initializer_list<std::string_view> words);

// At most `octets_max` octets of the text; each octet that is not printable ASCII becomes '?', but white
// space a space: nothing of it can end a line of a reply or of the log.
std::string printable(std::string_view text, std::size_t octets_max = text_octets_max);

}  // namespace ringmx::backends
