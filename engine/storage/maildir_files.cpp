#include "storage/maildir_files.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "storage/free_space.hpp"
#include "storage/tmp_folder.hpp"

namespace ringmx::storage {
namespace {

constexpr mode_t kFolderMode = 0700;

class PosixMaildirFiles final : public MaildirFiles {
 public:
    PosixMaildirFiles(Descriptor tmp, Descriptor fresh, Descriptor cur)
        : tmp_(std::move(tmp)), fresh_(std::move(fresh)), cur_(std::move(cur)) {}

    int create_tmp(const char* name) override { return tmp_.create(name, O_WRONLY); }
    std::int64_t write(int fd, std::span<const iovec> pieces) override {
        const ssize_t octets = writev(fd, pieces.data(), static_cast<int>(pieces.size()));
        return octets < 0 ? -errno : octets;
    }
    int sync(int fd) override { return outcome(fsync(fd)); }
    int close(int fd) override { return outcome(::close(fd)); }
    int deliver(const char* name) override { return outcome(renameat(tmp_.fd(), name, fresh_.get(), name)); }
    int sync_new() override { return outcome(fsync(fresh_.get())); }
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
                return fresh_.get();
            case MaildirFolder::cur:
                return cur_.get();
        }
        return tmp_.fd();
    }

    TmpFolder tmp_;
    const Descriptor fresh_;
    const Descriptor cur_;
};

Descriptor open_folder(const std::string& path) {
    return Descriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// Makes a folder and its name durable, unless it is there. Returns 0 or errno.
int make_folder(const std::string& path) {
    if (mkdir(path.c_str(), kFolderMode) != 0) return errno == EEXIST ? 0 : errno;
    const std::size_t slash = path.find_last_of('/');
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const Descriptor folder = open_folder(parent);
    if (folder.get() < 0) return errno;
    return fsync(folder.get()) == 0 ? 0 : errno;
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
    Descriptor tmp = open_folder(root + "/tmp");
    Descriptor fresh = open_folder(root + "/new");
    Descriptor cur = open_folder(root + "/cur");
    if (tmp.get() < 0 || fresh.get() < 0 || cur.get() < 0) return system_error(errno, "maildir " + root);
    return std::unique_ptr<MaildirFiles>(
        std::make_unique<PosixMaildirFiles>(std::move(tmp), std::move(fresh), std::move(cur)));
}

}  // namespace ringmx::storage
