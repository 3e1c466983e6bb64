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

// A folder's descriptor, or -errno in place of one.
class Folder {
 public:
    explicit Folder(int fd) : fd_(fd) {}
    Folder(Folder&& other) noexcept : fd_(std::exchange(other.fd_, -EBADF)) {}
    Folder& operator=(Folder&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Folder() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }
    int take() { return std::exchange(fd_, -EBADF); }

 private:
    int fd_;
};

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

int MailboxFolders::find(const std::string& path) const {
    const Folder maildir(open_beneath(root_, path.c_str()));
    if (maildir.get() < 0) return maildir.get();
    Folder fresh(open_beneath(maildir.get(), "new"));
    if (fresh.get() < 0) return fresh.get();
    // The last thing that make() does. It may have been cut off, here or in another process, before it.
    if (fsync(maildir.get()) != 0) return -errno;
    return fresh.take();
}

// `new` comes last: where it is, everything above it is durable, up to its own name.
int MailboxFolders::make(const std::string& path) const {
    Folder at(open_beneath(root_, "."));
    for (std::size_t begin = 0; begin < path.size() && at.get() >= 0;) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string name = path.substr(begin, end - begin);
        if (const int error = make_in(at.get(), name.c_str()); error != 0) return error;
        at = Folder(open_beneath(at.get(), name.c_str()));
        begin = end + 1;
    }
    if (at.get() < 0) return at.get();
    for (const char* name : {"tmp", "cur", "new"}) {
        if (const int error = make_in(at.get(), name); error != 0) return error;
    }
    return open_beneath(at.get(), "new");
}

int MailboxFolders::open_new(const std::string& path) {
    if (const auto found = known_.find(path); found != known_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
        return found->second->second;
    }
    int fd = find(path);
    if (fd == -ENOENT) fd = make(path);
    if (fd < 0) return fd;
    if (known_.size() >= open_max_) forget(std::string(recent_.back().first));
    recent_.emplace_front(path, fd);
    known_[path] = recent_.begin();
    return fd;
}

void MailboxFolders::forget(const std::string& path) {
    const auto found = known_.find(path);
    if (found == known_.end()) return;
    close(found->second->second);
    recent_.erase(found->second);
    known_.erase(found);
}

void MailboxFolders::forget_all() {
    for (const auto& [path, fd] : recent_)
        close(fd);
    recent_.clear();
    known_.clear();
}

}  // namespace ringmx::storage
