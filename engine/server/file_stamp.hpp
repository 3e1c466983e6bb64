// What tells that a file has changed, without reading it.
#pragma once

#include <cstdint>
#include <string>

namespace ringmx::server {

struct FileStamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;  // its owner or its mode, too
    std::int64_t octets = 0;
    bool operator==(const FileStamp&) const = default;

    // Of the file at `path`, or of an open one; all zero: it cannot be looked at.
    static FileStamp of(const std::string& path);
    static FileStamp of(int fd);
};

}  // namespace ringmx::server
