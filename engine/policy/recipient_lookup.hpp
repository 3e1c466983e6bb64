// Whether a recipient exists, asked of whatever knows: a list in memory, a database, a service. One object
// per core; called on that core's thread, and it neither blocks there nor allocates.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/policy.hpp"

namespace ringmx::policy {

// A recipient in canonical form (mailbox_text.hpp). It exists if one of these does: local_part@domain,
// base@domain, or @domain, which stands for every local part.
struct RecipientKey {
    std::string_view local_part;  // empty: it is too long, or "": only @domain may match
    std::string_view base;        // what of it stands before a delimiter; empty: there is none
    std::string_view domain;      // not empty
};

// Of canonical parts, which outlive it. `delimiters`: each of these characters begins a sub-address.
RecipientKey key_of(std::string_view local_part, std::string_view domain, std::string_view delimiters);

enum class Found : std::uint8_t {
    no,
    yes,
    later,       // the answer comes by Answers::answer(), as a decision that decide() has made
    unavailable  // nobody knows at present
};

// 550 5.1.1 for `no`, 451 4.4.3 for `unavailable`.
Decision decide(Found found);

class RecipientLookup {
 public:
    virtual ~RecipientLookup() = default;
    // As the functions of Policy by these names.
    virtual void attach(Answers&) {}
    virtual void collect() {}
    virtual void detach() {}
    virtual Found find(const Ticket& ticket, const RecipientKey& key) = 0;
};

}  // namespace ringmx::policy
