#include "server/file_stamp.hpp"

#include <sys/stat.h>

#include "base/clock.hpp"

namespace ringmx::server {

FileStamp FileStamp::of(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return {};
    const auto ns = [](const timespec& time) { return time.tv_sec * kNsPerSecond + time.tv_nsec; };
    return {found.st_dev, found.st_ino, ns(found.st_mtim), ns(found.st_ctim), found.st_size};
}

}  // namespace ringmx::server
