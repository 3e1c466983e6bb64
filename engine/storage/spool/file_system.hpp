// FileSystem: the blocking file operations of opening, recovering and reading a spool, behind a seam, so that
// tests run them on a simulated disk. The running server's writes go through storage/spool/disk.hpp instead.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace ringmx::storage::spool {

struct DirectoryEntry {
    std::string name;
    std::uint64_t bytes = 0;
    bool directory = false;
};

class File {
 public:
    virtual ~File() = default;
    // Reads until `into` is full or the file ends; returns the octets read.
    virtual Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) = 0;
    // The next read of this range should come from the device, not from a cache.
    virtual void drop_cache(std::uint64_t offset, std::uint64_t bytes) = 0;
    virtual Status write_at(std::uint64_t offset, Bytes bytes) = 0;
    virtual Status sync() = 0;
    virtual Result<std::uint64_t> size() = 0;
    virtual std::uint64_t identity() const = 0;  // the same for the same file under another name
    // Takes an exclusive advisory lock until the File is destroyed; false: somebody else has it.
    virtual Result<bool> try_lock() = 0;
};

enum class OpenMode : std::uint8_t {
    read,
    read_direct,  // reads of whole blocks into memory aligned to a block pass the page cache by where that
                  // works
    write,        // read and write, must exist
    create,       // read and write, created if it is not there
    create_new,   // read and write, must not exist
};

class FileSystem {
 public:
    virtual ~FileSystem() = default;
    virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
    virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
    virtual Status make_directories(const std::string& path) = 0;
    virtual Status rename(const std::string& from, const std::string& to) = 0;
    virtual Status remove(const std::string& path) = 0;
    virtual Status sync_directory(const std::string& path) = 0;
    // Whether files in the directory can be written with O_DIRECT.
    virtual Result<bool> direct_io(const std::string& directory) = 0;
    // A number that nobody outside can know.
    virtual std::uint64_t random() = 0;
};

// The operating system's.
FileSystem& posix_file_system();

}  // namespace ringmx::storage::spool
