// Replies as octets: "CODE SP status SP text CRLF", lines of at most 512 octets, and the several lines of
// EHLO. Plain appends into room that the caller gives; no allocation, no formatting library. RFC 5321 §4.2,
// §4.5.3.1.5; RFC 2034.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/reply.hpp"

namespace ringmx::smtp {

struct SessionOptions;
enum class TlsUse : std::uint8_t;

// Octets that write_reply may need for this reply; at most limits::reply_line_octets_max.
std::size_t reply_octets_max(const Reply& reply, std::string_view hostname);

// Writes one line; returns its octets. `hostname`, if not empty, goes before the text (220, 221, 421). Octets
// in the text that are not printable ASCII are written as "?"; what does not fit into a reply line is cut.
std::size_t write_reply(MutableBytes out, const Reply& reply, std::string_view hostname);

// The reply to an accepted EHLO: the extensions, one a line. Room: hello_octets_max(options).
std::size_t hello_octets_max(const SessionOptions& options);
std::size_t write_extensions(MutableBytes out, const SessionOptions& options, std::string_view greeting,
                             TlsUse tls, bool xclient = false);

// "250 2.0.0 N octets received", the reply to a chunk that is not the last (RFC 3030 §2).
constexpr std::size_t kChunkReplyOctetsMax = 64;
std::size_t write_chunk_reply(MutableBytes out, std::uint64_t octets);

}  // namespace ringmx::smtp
