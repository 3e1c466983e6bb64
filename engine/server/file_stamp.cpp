#include "server/file_stamp.hpp"

#include <sys/stat.h>

#include "base/clock.hpp"

namespace ringmx::server {

namespace {

FileStamp stamp_of(const struct stat& found) {
    const auto ns = [](const timespec& time) { return time.tv_sec * kNsPerSecond + time.tv_nsec; };
    return {found.st_dev, found.st_ino, ns(found.st_mtim), ns(found.st_ctim), found.st_size};
}

}  // namespace

FileStamp FileStamp::of(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? stamp_of(found) : FileStamp{};
}

FileStamp FileStamp::of(int fd) {
    struct stat found {};
    return ::fstat(fd, &found) == 0 ? stamp_of(found) : FileStamp{};
}

}  // namespace ringmx::server
