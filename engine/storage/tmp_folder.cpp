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

int TmpFolder::create(const char* name, int flags) const {
    const int file = openat(fd(), name, flags | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode);
    return file < 0 ? -errno : file;
}

int TmpFolder::remove(const char* name) const {
    return unlinkat(fd(), name, 0) == 0 ? 0 : -errno;
}

std::vector<std::string> TmpFolder::list() const {
    std::vector<std::string> names;
    Descriptor own(openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR* const folder = own.get() < 0 ? nullptr : fdopendir(own.get());
    if (folder == nullptr) return names;
    own.release();  // closedir() closes it
    while (const dirent* entry = readdir(folder))
        names.emplace_back(entry->d_name);
    closedir(folder);
    return names;
}

bool TmpFolder::alone() {
    locked_alone_ = flock(fd(), LOCK_EX | LOCK_NB) == 0;
    if (!locked_alone_) flock(fd(), LOCK_SH);
    return locked_alone_;
}

void TmpFolder::share() {
    if (locked_alone_) flock(fd(), LOCK_SH);
    locked_alone_ = false;
}

}  // namespace ringmx::storage
