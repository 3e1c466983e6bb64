// The paths that a server with this configuration still needs once it is bound.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "confine/paths.hpp"

namespace ringmx::tools {

// `certificates`: it reads them itself, again when they are renewed.
std::vector<confine::PathRule> confined_paths(const config::Config& config, bool certificates);

// Makes the folders that a rule needs to exist and that storage would make later. What fails here fails
// there, and is reported there.
void make_folders(const config::Config& config);

// Whether it opens connections of its own.
bool needs_network(const config::Config& config);

// Whether code that nobody here knows runs in the server: a plugin of the user's own.
bool has_foreign_code(const config::Config& config);

}  // namespace ringmx::tools
