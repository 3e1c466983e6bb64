// Plugins as shared objects: found, loaded, and checked before anything of them is called.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ringmx/backend.h"

namespace ringmx::storage::plugin {

// Loads the shared object at `path` and returns the backend that it describes, whose version, size and needed
// functions have been checked. It stays loaded until the process ends: a plugin may have left threads.
// Blocks; a crash in the object's own initialisation ends the process (crash_guard.hpp). Errors are one
// sentence that names the file.
Result<const ringmx_backend*> load(const std::string& path);

// Checks what an entry function returned; `where` begins the sentences. For backends that are linked, not
// loaded.
Status check(const ringmx_backend* backend, const std::string& where);

// Where the backend `name` that comes with ringmx is: ringmx/ringmx-NAME.so in the folder of libringmx.so, if
// this code is in that; else in ../lib or ../LIBDIR, seen from the folder of the running program.
std::string shipped_path(std::string_view name);

}  // namespace ringmx::storage::plugin
