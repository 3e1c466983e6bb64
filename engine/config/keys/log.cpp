// [log]: what is logged, and where to.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr std::string_view kLogTransactions[] = {"all", "errors", "none"};

constexpr Key kKeys[] = {
    {.name = "log.transactions",
     .type = KeyType::choice,
     .field = [](Config& c) -> Field { return choice(c.log.transactions); },
     .choices = kLogTransactions,
     .since = "0.1.0",
     .description = "Which transactions get a log line: every one, those that were not stored, or none."},
    {.name = "log.path",
     .type = KeyType::path,
     .field = [](Config& c) -> Field { return &c.log.path; },
     .word = "standard error",
     .since = "0.1.0",
     .description = "The log file: one JSON object a line, appended. SIGHUP opens it anew, for rotation."},
};

}  // namespace

std::span<const Key> log_keys() {
    return kKeys;
}

}  // namespace ringmx::config
