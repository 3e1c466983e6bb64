// The answer of a server's status socket as a table for a person.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace ringmx::ctl {

// One line per counter: its total, and its value on each core. An Error if `json` is not a status answer.
Result<std::string> status_table(std::string_view json);

}  // namespace ringmx::ctl
