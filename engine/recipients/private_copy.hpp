// The contents of a file in memory of our own. A mapping of the file would do without the copy, and would end
// the process with SIGBUS when the file is cut short or its disk fails, and give wrong answers when it is
// written over; a copy that was checked stays what it is. Large pages where the kernel has them.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ringmx::recipients {

class PrivateCopy {
 public:
    // Reads `octets` from the start of the file `fd`. The error has no name of the file.
    static Result<PrivateCopy> read(int fd, std::size_t octets);
    PrivateCopy() = default;
    PrivateCopy(PrivateCopy&& other) noexcept;
    PrivateCopy& operator=(PrivateCopy&& other) noexcept;
    ~PrivateCopy();

    Bytes bytes() const { return {start_, octets_}; }

 private:
    void* mapping_ = nullptr;
    std::size_t mapped_ = 0;
    std::byte* start_ = nullptr;
    std::size_t octets_ = 0;
};

}  // namespace ringmx::recipients
