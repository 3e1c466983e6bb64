#include "storage/maildir_files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/free_space.hpp"

namespace ringmx::storage {
namespace {

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

class PosixMaildirFiles final : public MaildirFiles {
 public:
    explicit PosixMaildirFiles(const std::array<int, 3>& folders) : folders_(folders) {}
    ~PosixMaildirFiles() override {
        for (const int fd : folders_) {
            if (fd >= 0) ::close(fd);
        }
    }

    int create_tmp(const char* name) override {
        const int fd = openat(at(MaildirFolder::tmp), name,
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode);
        return fd < 0 ? -errno : fd;
    }
    std::int64_t write(int fd, std::span<const iovec> pieces) override {
        const ssize_t octets = writev(fd, pieces.data(), static_cast<int>(pieces.size()));
        return octets < 0 ? -errno : octets;
    }
    int sync(int fd) override { return outcome(fsync(fd)); }
    int close(int fd) override { return outcome(::close(fd)); }
    int deliver(const char* name) override {
        return outcome(renameat(at(MaildirFolder::tmp), name, at(MaildirFolder::fresh), name));
    }
    int sync_new() override { return outcome(fsync(at(MaildirFolder::fresh))); }
    int remove(MaildirFolder folder, const char* name) override {
        return outcome(unlinkat(at(folder), name, 0));
    }

    std::vector<std::string> list_tmp() override {
        std::vector<std::string> names;
        const int fd = openat(at(MaildirFolder::tmp), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return names;
        DIR* folder = fdopendir(fd);
        if (folder == nullptr) {
            ::close(fd);
            return names;
        }
        while (const dirent* entry = readdir(folder))
            names.emplace_back(entry->d_name);
        closedir(folder);
        return names;
    }

    std::int64_t bytes_free() override { return free_space(at(MaildirFolder::tmp)); }

    bool alone() override {
        const int fd = at(MaildirFolder::tmp);
        const bool exclusive = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!exclusive) flock(fd, LOCK_SH);
        locked_alone_ = exclusive;
        return exclusive;
    }
    void share() override {
        if (locked_alone_) flock(at(MaildirFolder::tmp), LOCK_SH);
        locked_alone_ = false;
    }

 private:
    static int outcome(int result) { return result == 0 ? 0 : -errno; }
    int at(MaildirFolder folder) const { return folders_[static_cast<std::size_t>(folder)]; }

    std::array<int, 3> folders_;
    bool locked_alone_ = false;
};

int open_folder(const std::string& path) {
    return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// Makes a folder and its name durable, unless it is there. Returns 0 or errno.
int make_folder(const std::string& path) {
    if (mkdir(path.c_str(), kFolderMode) != 0) return errno == EEXIST ? 0 : errno;
    const std::size_t slash = path.find_last_of('/');
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const int fd = open_folder(parent);
    if (fd < 0) return errno;
    const int error = fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    return error;
}

}  // namespace

Result<std::unique_ptr<MaildirFiles>> open_maildir_files(const std::string& path) {
    std::string root = path;
    while (root.size() > 1 && root.back() == '/')
        root.pop_back();
    for (const char* below : {"", "/tmp", "/new", "/cur"}) {
        const std::string folder = root + below;
        if (const int error = make_folder(folder)) return system_error(error, "maildir folder " + folder);
    }
    std::array<int, 3> folders = {open_folder(root + "/tmp"), open_folder(root + "/new"),
                                  open_folder(root + "/cur")};
    const int error = errno;
    auto files = std::make_unique<PosixMaildirFiles>(folders);  // closes them, whatever follows
    for (const int fd : folders) {
        if (fd < 0) return system_error(error, "maildir " + root);
    }
    return std::unique_ptr<MaildirFiles>(std::move(files));
}

}  // namespace ringmx::storage
