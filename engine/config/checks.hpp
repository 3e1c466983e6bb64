// What one key alone cannot tell: checks across keys, and against the machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace ringmx::config {

struct Finding {
    std::string_view key;  // the key to blame
    std::string text;
};

// What makes a configuration unusable, although each of its values is allowed.
std::vector<Finding> cross_check(const Config& config);

}  // namespace ringmx::config
