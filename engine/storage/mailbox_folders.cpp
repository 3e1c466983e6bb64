#include "storage/mailbox_folders.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringmx::storage {
namespace {

constexpr mode_t kFolderMode = 0700;

// Makes the folder NAME in `parent` unless it is there, and its name durable either way: who made it may not
// have come so far.
int make_in(int parent, const char* name) {
    if (mkdirat(parent, name, kFolderMode) != 0 && errno != EEXIST) return -errno;
    return fsync(parent) == 0 ? 0 : -errno;
}

}  // namespace

int open_beneath(int parent, const char* path) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    for (;;) {
        const long fd = syscall(SYS_openat2, parent, path, &how, sizeof how);
        if (fd >= 0) return static_cast<int>(fd);
        if (errno != EINTR && errno != EAGAIN) return -errno;  // EAGAIN: a rename raced with the look-up
    }
}

Descriptor MailboxFolders::find(const std::string& path) const {
    Descriptor maildir(open_beneath(root_, path.c_str()));
    if (maildir.get() < 0) return maildir;
    Descriptor fresh(open_beneath(maildir.get(), "new"));
    if (fresh.get() < 0) return fresh;
    // The last thing that make() does. It may have been cut off, here or in another process, before it.
    if (fsync(maildir.get()) != 0) return Descriptor(-errno);
    return fresh;
}

// `new` comes last: where it is, everything above it is durable, up to its own name.
Descriptor MailboxFolders::make(const std::string& path) const {
    Descriptor at(open_beneath(root_, "."));
    for (std::size_t begin = 0; begin < path.size() && at.get() >= 0;) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string name = path.substr(begin, end - begin);
        if (const int error = make_in(at.get(), name.c_str()); error != 0) return Descriptor(error);
        at = Descriptor(open_beneath(at.get(), name.c_str()));
        begin = end + 1;
    }
    if (at.get() < 0) return at;
    for (const char* name : {"tmp", "cur", "new"}) {
        if (const int error = make_in(at.get(), name); error != 0) return Descriptor(error);
    }
    return Descriptor(open_beneath(at.get(), "new"));
}

int MailboxFolders::open_new(const std::string& path) {
    if (const auto found = known_.find(path); found != known_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
        return found->second->second.get();
    }
    Descriptor folder = find(path);
    if (folder.get() == -ENOENT) folder = make(path);
    if (folder.get() < 0) return folder.get();
    if (known_.size() >= open_max_) forget(std::string(recent_.back().first));
    recent_.emplace_front(path, std::move(folder));
    known_[path] = recent_.begin();
    return recent_.front().second.get();
}

void MailboxFolders::forget(const std::string& path) {
    const auto found = known_.find(path);
    if (found == known_.end()) return;
    recent_.erase(found->second);
    known_.erase(found);
}

void MailboxFolders::forget_all() {
    recent_.clear();
    known_.clear();
}

}  // namespace ringmx::storage
