#include "storage/mailbox_files.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "base/limits.hpp"
#include "storage/free_space.hpp"
#include "storage/mailbox_folders.hpp"
#include "storage/tmp_folder.hpp"

namespace ringmx::storage {
namespace {

constexpr mode_t kFolderMode = 0700;
const std::string kStaging = std::string(limits::maildir_own_names) + "-tmp";

int outcome(int result) {
    return result == 0 ? 0 : -errno;
}

class PosixMailboxFiles final : public MailboxFiles {
 public:
    PosixMailboxFiles(Descriptor prefix, Descriptor staging)
        : prefix_(std::move(prefix)),
          staging_(std::move(staging)),
          folders_(prefix_.get(), limits::maildir_folders_open_max) {}

    int create(const char* staged) override { return staging_.create(staged, O_RDWR); }
    std::int64_t write(int fd, std::span<const iovec> pieces) override {
        const ssize_t octets = writev(fd, pieces.data(), static_cast<int>(pieces.size()));
        return octets < 0 ? -errno : octets;
    }
    std::int64_t read(int fd, std::uint64_t offset, std::span<std::byte> into) override {
        const ssize_t octets = pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
        return octets < 0 ? -errno : octets;
    }
    int sync(int fd) override { return outcome(fsync(fd)); }
    int close(int fd) override { return outcome(::close(fd)); }
    int remove(const char* staged) override { return staging_.remove(staged); }
    std::vector<std::string> list() override { return staging_.list(); }
    std::int64_t bytes_free() override { return free_space(staging_.fd()); }
    bool alone() override { return staging_.alone(); }
    void share() override { staging_.share(); }

    int prepare(const std::string& mailbox) override {
        const int fd = folders_.open_new(mailbox);
        return fd < 0 ? fd : 0;
    }
    int deliver(const char* staged, const std::string& mailbox, const char* name) override {
        int result = link_and_sync(staged, mailbox, name);
        if (result == -ENOENT) {  // the mailbox was removed since it was looked up
            folders_.forget(mailbox);
            result = link_and_sync(staged, mailbox, name);
        }
        return result;
    }
    int withdraw(const std::string& mailbox, const char* name) override {
        const int fd = folders_.open_new(mailbox);
        return fd < 0 ? fd : outcome(unlinkat(fd, name, 0));
    }
    void refresh() override { folders_.forget_all(); }

 private:
    int link_and_sync(const char* staged, const std::string& mailbox, const char* name) {
        const int fd = folders_.open_new(mailbox);
        if (fd < 0) return fd;
        const int linked = outcome(linkat(staging_.fd(), staged, fd, name, 0));
        if (linked != 0 && linked != -EEXIST) return linked;
        const int synced = outcome(fsync(fd));
        if (synced != 0 && linked == 0) unlinkat(fd, name, 0);
        return synced != 0 ? synced : linked;
    }

    const Descriptor prefix_;
    TmpFolder staging_;
    MailboxFolders folders_;
};

}  // namespace

Result<std::unique_ptr<MailboxFiles>> open_mailbox_files(const std::string& prefix) {
    Descriptor root(open(prefix.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root.get() < 0) return system_error(errno, "maildir folder " + prefix);
    const bool made = mkdirat(root.get(), kStaging.c_str(), kFolderMode) == 0 || errno == EEXIST;
    Descriptor staging(made ? open_beneath(root.get(), kStaging.c_str()) : -errno);
    if (staging.get() < 0) return system_error(-staging.get(), "maildir folder " + prefix + "/" + kStaging);
    return std::unique_ptr<MailboxFiles>(
        std::make_unique<PosixMailboxFiles>(std::move(root), std::move(staging)));
}

}  // namespace ringmx::storage
