// What accept.recipients names: where recipients are looked up. The names are Postfix's where it has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/peer.hpp"
#include "base/result.hpp"

namespace ringmx::config {

struct RecipientsSource {
    enum class Kind : std::uint8_t {
        everybody,  // nowhere: every local part exists
        file,       // "/path", "file:/path": a text file
        table,      // "table:/path": made by `ringmxctl recipients build`
        lmdb,       // "lmdb:/path"
        socketmap,  // "socketmap:unix:/path:name", "socketmap:inet:address:port:name"
        http        // "http://host/path?address={recipient}", "https://..."
    };
    Kind kind = Kind::everybody;
    std::string path;     // of a file, a folder, a Unix socket; empty: `address`
    PeerAddress address;  // with its port
    std::string map;      // the name behind a socketmap's address
    std::string url;      // of an HTTP service; UrlTemplate::parse() takes it
};

// The error says what is wrong, as the end of a sentence.
Result<RecipientsSource> parse_recipients(std::string_view text);
// The text that parse_recipients() makes this source of.
std::string to_text(const RecipientsSource& source);

}  // namespace ringmx::config
