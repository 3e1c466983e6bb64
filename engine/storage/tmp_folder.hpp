// A folder in which files are written before they are moved to where they are seen, and the lock by which
// processes and workers tell whether they are alone with it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"

namespace ringmx::storage {

class TmpFolder {
 public:
    explicit TmpFolder(Descriptor folder) : folder_(std::move(folder)) {}

    int fd() const { return folder_.get(); }
    // A descriptor of a new file with `flags` (O_WRONLY, O_RDWR), mode 0600, or -errno.
    int create(const char* name, int flags) const;
    int remove(const char* name) const;  // 0 or -errno
    std::vector<std::string> list() const;
    // Whether nobody else has the folder open; if so, none can take the lock until share().
    bool alone();
    void share();

 private:
    const Descriptor folder_;
    bool locked_alone_ = false;
};

}  // namespace ringmx::storage
