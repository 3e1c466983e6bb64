// A backend that a program gives as a factory of objects, described as plugins describe theirs
// (ringmx/backend.h), so that it is hosted, checked and counted as they are.
#pragma once

#include <string>

#include "ringmx/engine.hpp"
#include "server/linked_storage.hpp"

namespace ringmx::embed {

// `factory` stays as long as instances are opened from it.
server::LinkedBackend describe(const std::string& name, const BackendFactory& factory);

}  // namespace ringmx::embed
