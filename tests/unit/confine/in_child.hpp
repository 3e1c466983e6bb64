// Runs what cannot be undone in a process of its own.
#pragma once

#include <functional>

namespace ringmx::confine {

// What became of it: the value that `work` returned (0 to 255), or minus the signal that ended it.
int in_child(const std::function<int()>& work);

}  // namespace ringmx::confine
