// A URL in which {recipient}, {local} and {domain} stand for an address and its parts, as accept.recipients
// may be one: "https://id.example.com/recipients?address={recipient}". What is put in is percent-encoded
// (RFC 3986 §2.1): nothing of an address has a meaning in a URL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ringmx {

// All but the unreserved characters (RFC 3986 §2.3) as %XX.
void append_percent_encoded(std::string& to, std::string_view octets);

class UrlTemplate {
 public:
    // http or https, a host, a port perhaps, then a path and a query with placeholders, of which one holds
    // the local part. The error is a sentence's end, without the URL: "{user} is no placeholder; ...".
    static Result<UrlTemplate> parse(std::string_view url);

    // Of an address without quotes. Empty: the address cannot be asked for, because its local part is "." or
    // "..", which as {local} would name another place than its own (RFC 3986 §5.2.4).
    std::string expand(std::string_view local_part, std::string_view domain) const;

    const std::string& text() const { return text_; }      // as it was given
    const std::string& origin() const { return origin_; }  // "https://id.example.com:8443"

 private:
    enum class Part : std::uint8_t { text, recipient, local, domain };
    struct Piece {
        Part part = Part::text;
        std::string text{};
    };

    Status read_origin(std::string_view url);
    Status read_pieces(std::string_view rest);
    bool has(Part part) const;

    std::string text_;
    std::string origin_;
    std::vector<Piece> pieces_;  // of what stands behind the origin
};

}  // namespace ringmx
