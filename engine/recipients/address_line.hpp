// One line of a list of recipients: an address, "@domain" for every local part of a domain, or nothing but a
// comment. docs/recipients.md describes the format.
#pragma once

#include <string>
#include <string_view>

#include "policy/mailbox_text.hpp"

namespace ringmx::recipients {

// In canonical form. `local_part` is empty in "@domain"; both are when the line has no address.
struct AddressLine {
    policy::ShortText local_part;
    policy::ShortText domain;
    bool empty() const { return domain.size() == 0; }
};

// `first`: the line is the file's first, where a byte order mark is no address. False: `problem` says what is
// wrong with the line.
bool parse_address_line(std::string_view line, bool first, AddressLine& into, std::string& problem);

}  // namespace ringmx::recipients
