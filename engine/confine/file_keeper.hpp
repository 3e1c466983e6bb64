// A small process that stays root and opens files for the server, which does not: keys of certificates that
// only root may read, and that are read again when they are renewed. It opens what it was told before the
// server gave its privileges up, read-only, and nothing else.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace ringmx::confine {

class FileKeeper {
 public:
    // Forks: call it while the process has one thread. The keeper ends when this object does, or its
    // process.
    static Result<std::unique_ptr<FileKeeper>> start(std::vector<std::string> paths);
    ~FileKeeper();
    FileKeeper(const FileKeeper&) = delete;
    FileKeeper& operator=(const FileKeeper&) = delete;

    // A descriptor of one of the paths, the caller's to close; any thread, one at a time.
    Result<int> open(const std::string& path);

 private:
    FileKeeper(std::vector<std::string> paths, int socket, pid_t pid);

    const std::vector<std::string> paths_;
    const int socket_;
    const pid_t pid_;
    std::mutex mutex_;
};

}  // namespace ringmx::confine
