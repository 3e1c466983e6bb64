// The envelope of a message as header fields of an HTTP request. docs/backends.md lists them; consumers rely
// on it.
//
// Values that come from a client are encoded: nothing but printable ASCII, and nothing that a header's syntax
// gives a meaning to, comes through unencoded, so that a client cannot add a field and a proxy that joins
// fields of one name with commas does no harm.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ringmx/backend.hpp"

namespace ringmx::http {

// Each octet outside "!" to "~", and each of  % , ; " \ < >  becomes %XX.
std::string encode(std::string_view octets);

// "Name: value", one for each field, without line ends. The order of recipients is that of the transaction.
std::vector<std::string> envelope_headers(const plugin::Message& message);

// Microseconds since 1970 as RFC 3339 in UTC: "2026-11-25T21:13:26.000123Z".
std::string rfc3339(std::int64_t wall_us);

// Whether `text` is "Name: value" with a valid field name (RFC 9110 §5.1) that this backend does not set
// itself, and a value that holds no control characters. The option `headers` is made of such.
bool is_extra_header(std::string_view text);

}  // namespace ringmx::http
