// The address grammar: paths, mailboxes, domains and address literals. RFC 5321 §4.1.2, §4.1.3, §4.5.3.1;
// with UTF-8 in local parts and domains as in RFC 6531 §3.3. Views into the input; no allocation; any thread.
//
// Deviations, all of them on the tolerant side: "_" is taken in domain labels, "::" in an IPv6 literal may
// stand for a single group, and local parts may have up to kLocalPartOctetsMax octets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smtp/commands.hpp"

namespace ringmx::smtp {

// RFC 5321 §4.5.3.1.1 asks for 64; bounce addresses in use (VERP, SRS) are longer.
constexpr std::size_t kLocalPartOctetsMax = 256;
constexpr std::size_t kDomainOctetsMax = 255;  // RFC 5321 §4.5.3.1.2, RFC 1035 §2.3.4
constexpr std::size_t kLabelLengthMax = 63;  // RFC 1035 §2.3.4; characters of a U-label, octets of any other

enum class PathKind : std::uint8_t { reverse, forward };  // reverse: <> is valid; forward: <postmaster> is
enum class PathError : std::uint8_t { none, syntax, too_long };

struct ParsedPath {
    PathError error = PathError::syntax;
    Path path;
    std::size_t octets = 0;  // consumed, angle brackets included
    bool non_ascii = false;  // the mailbox (not a dropped source route) has UTF-8 in it
};

// Parses the path at the start of `text`, which begins with "<". What follows ">" is the caller's.
ParsedPath parse_path(std::string_view text, PathKind kind);

// "[192.0.2.1]", "[IPv6:2001:db8::1]", "[tag:content]".
bool is_address_literal(std::string_view text);

// What EHLO and HELO may be called with: a domain name in ASCII (a trailing dot and "_" are tolerated), or an
// address literal.
bool is_hello_name(std::string_view text);

}  // namespace ringmx::smtp
