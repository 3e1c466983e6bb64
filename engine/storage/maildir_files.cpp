#include "storage/maildir_files.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/free_space.hpp"
#include "storage/tmp_folder.hpp"

namespace ringmx::storage {
namespace {

constexpr mode_t kFolderMode = 0700;

class PosixMaildirFiles final : public MaildirFiles {
 public:
    explicit PosixMaildirFiles(const std::array<int, 3>& folders)
        : tmp_(folders[0]), fresh_(folders[1]), cur_(folders[2]) {}
    ~PosixMaildirFiles() override {
        for (const int fd : {fresh_, cur_}) {
            if (fd >= 0) ::close(fd);
        }
    }

    int create_tmp(const char* name) override { return tmp_.create(name, O_WRONLY); }
    std::int64_t write(int fd, std::span<const iovec> pieces) override {
        const ssize_t octets = writev(fd, pieces.data(), static_cast<int>(pieces.size()));
        return octets < 0 ? -errno : octets;
    }
    int sync(int fd) override { return outcome(fsync(fd)); }
    int close(int fd) override { return outcome(::close(fd)); }
    int deliver(const char* name) override { return outcome(renameat(tmp_.fd(), name, fresh_, name)); }
    int sync_new() override { return outcome(fsync(fresh_)); }
    int remove(MaildirFolder folder, const char* name) override {
        return outcome(unlinkat(at(folder), name, 0));
    }
    std::vector<std::string> list_tmp() override { return tmp_.list(); }
    std::int64_t bytes_free() override { return free_space(tmp_.fd()); }
    bool alone() override { return tmp_.alone(); }
    void share() override { tmp_.share(); }

 private:
    static int outcome(int result) { return result == 0 ? 0 : -errno; }
    int at(MaildirFolder folder) const {
        switch (folder) {
            case MaildirFolder::tmp:
                break;
            case MaildirFolder::fresh:
                return fresh_;
            case MaildirFolder::cur:
                return cur_;
        }
        return tmp_.fd();
    }

    TmpFolder tmp_;
    const int fresh_;
    const int cur_;
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
