#include "storage/tmp_folder.hpp"

#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace ringmx::storage {
namespace {

constexpr mode_t kFileMode = 0600;

}  // namespace

TmpFolder::~TmpFolder() {
    if (fd_ >= 0) close(fd_);
}

int TmpFolder::create(const char* name, int flags) const {
    const int fd = openat(fd_, name, flags | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode);
    return fd < 0 ? -errno : fd;
}

int TmpFolder::remove(const char* name) const {
    return unlinkat(fd_, name, 0) == 0 ? 0 : -errno;
}

std::vector<std::string> TmpFolder::list() const {
    std::vector<std::string> names;
    const int fd = openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return names;
    DIR* folder = fdopendir(fd);
    if (folder == nullptr) {
        close(fd);
        return names;
    }
    while (const dirent* entry = readdir(folder))
        names.emplace_back(entry->d_name);
    closedir(folder);
    return names;
}

bool TmpFolder::alone() {
    locked_alone_ = flock(fd_, LOCK_EX | LOCK_NB) == 0;
    if (!locked_alone_) flock(fd_, LOCK_SH);
    return locked_alone_;
}

void TmpFolder::share() {
    if (locked_alone_) flock(fd_, LOCK_SH);
    locked_alone_ = false;
}

}  // namespace ringmx::storage
