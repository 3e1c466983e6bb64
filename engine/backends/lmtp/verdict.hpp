// What became of each recipient, and the one answer that a message has. The rule is stated in
// docs/backends.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ringmx/backend.h"

namespace ringmx::lmtp {

enum class Outcome : std::uint8_t {
    deferred,   // 4xx, no answer, or not tried yet
    delivered,  // 2xx
    refused,    // 5xx
};

struct RecipientResult {
    Outcome outcome = Outcome::deferred;
    bool too_many = false;  // deferred as one too many for this transaction, not for its own sake
    std::string text;       // the reply, or why there is none
};

struct Verdict {
    ringmx_status status = RINGMX_RETRY;
    std::string text;
    std::size_t delivered = 0;
    std::size_t refused = 0;
    std::size_t deferred = 0;
};

// Any deferred: retry, with the text of the first of them. Otherwise any delivered: stored. Otherwise:
// reject, with the text of the first.
Verdict verdict(std::span<const RecipientResult> results);

}  // namespace ringmx::lmtp
