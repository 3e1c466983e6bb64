// [stress]: what holds while connections or memory run short.
#include "config/keys/sections.hpp"

namespace ringmx::config {

namespace {

constexpr Key kKeys[] = {
    {.name = "stress.begin",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.stress.begin_percent; },
     .most = 99,
     .word = "off",
     .since = "0.2.0",
     .description =
         "At so many percent of a core's connections or message memory it is under stress, until three "
         "quarters of that: what follows holds then, if it is less than what holds otherwise."},
    {.name = "stress.command",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.stress.command_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "`timeouts.command` under stress."},
    {.name = "stress.data_block",
     .type = KeyType::duration,
     .field = [](Config& c) -> Field { return &c.stress.data_block_s; },
     .least = 1,
     .most = kDayS,
     .since = "0.2.0",
     .description = "`timeouts.data_block` under stress."},
    {.name = "stress.errors_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.stress.errors_max; },
     .least = 1,
     .most = kCountMax,
     .since = "0.2.0",
     .description = "`smtp.errors_max` under stress."},
    {.name = "stress.recipients_refused_max",
     .type = KeyType::count,
     .field = [](Config& c) -> Field { return &c.stress.recipients_refused_max; },
     .least = 1,
     .most = kCountMax,
     .since = "0.2.0",
     .description = "`smtp.recipients_refused_max` under stress."},
};

}  // namespace

std::span<const Key> stress_keys() {
    return kKeys;
}

}  // namespace ringmx::config
