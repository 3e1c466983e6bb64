// From an address to the folder of its mailbox: the names that {domain} and {local} of a template stand for.
// Pure functions, for any octets. docs/storage.md, "A Maildir for each recipient"
//
// What an address becomes is one name of a folder: never empty, never "." or "..", without "/", NUL, control
// characters and "@". Different mailboxes have different names; spellings of one mailbox (letters' case,
// quotes, ways to write an address literal) have the same.
#pragma once

#include <string>
#include <string_view>

#include "base/path_template.hpp"

namespace ringmx::storage {

// A mailbox in the form in which two spellings of it are equal: ASCII letters in lower case, of a quoted
// local part what it stands for, an address literal as its address is usually printed.
struct Mailbox {
    std::string local;
    std::string domain;
    bool operator==(const Mailbox&) const = default;
};

// `forward_path` as it stands in an envelope. Without a domain (<postmaster>) it is of this host.
Mailbox mailbox_of(std::string_view forward_path, std::string_view hostname);

// Letters, digits, "-", "_", "+", "=", "." (but not as the first octet) and UTF-8 beyond ASCII stand for
// themselves, every other octet is %XX; the empty value is "%". What is longer than `octets_max` (at least
// limits::maildir_value_octets_min) becomes the beginning of that, "%h" and the SHA-256 of `value`.
std::string encode_name(std::string_view value, std::size_t octets_max);

// The path of the mailbox below the template's prefix: names joined with "/".
std::string mailbox_path(const PathTemplate& path, const Mailbox& mailbox);

}  // namespace ringmx::storage
