// The options of ringmx/engine.hpp as a configuration: checked as a file's values are, every error reported.
#pragma once

#include "base/result.hpp"
#include "config/config.hpp"
#include "ringmx/engine.hpp"

namespace ringmx::embed {

Result<config::Config> to_config(const Options& options);

}  // namespace ringmx::embed
