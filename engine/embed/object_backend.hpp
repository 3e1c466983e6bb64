// A backend that a program gives as a factory of objects, described as plugins describe theirs
// (ringmx/backend.h), so that it is hosted, checked and counted as they are.
#pragma once

#include <string>

#include "ringmx/engine.hpp"
#include "server/plugin_setup.hpp"

namespace ringmx::embed {

// `factory` stays as long as instances are opened from it: while the engine starts.
server::LinkedBackend describe(const std::string& name, const BackendFactory& factory);

}  // namespace ringmx::embed
