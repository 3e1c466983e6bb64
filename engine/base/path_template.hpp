// A path in which {domain} and {local} stand for the parts of a recipient's address, as storage.maildir.path
// may be one. The grammar only: what an address becomes in a path is the storage layer's.
//
// The components before the first that holds a placeholder are the prefix, a folder that exists. Components
// behind it are fixed text and placeholders, such that two mailboxes never make the same path: between two
// placeholders of one component there is an "@", which no encoded part of an address has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ringmx {

enum class Placeholder : std::uint8_t { none, domain, local };

// Fixed text, or a placeholder.
struct TemplatePiece {
    Placeholder placeholder = Placeholder::none;
    std::string text;
};

struct TemplateComponent {
    std::vector<TemplatePiece> pieces;
    std::size_t value_octets_max = 0;  // each placeholder's value, so that a component fits into a file name
};

struct PathTemplate {
    std::string prefix;                         // "/" and "." included; never empty
    std::vector<TemplateComponent> components;  // empty: no placeholder, `prefix` is the whole path

    // The error is a sentence's end, without the path: "{user} is no placeholder; ...".
    static Result<PathTemplate> parse(std::string_view path);
};

}  // namespace ringmx
