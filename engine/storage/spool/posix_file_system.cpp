// The FileSystem of the operating system: plain, blocking calls, buffered but for OpenMode::read_direct.
#include <array>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/descriptor.hpp"
#include "storage/spool/file_system.hpp"
#include "storage/spool/format.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr mode_t kDirectoryMode = 0700;  // mail is nobody else's business
constexpr mode_t kFileMode = 0600;

bool whole_blocks(std::uint64_t offset, MutableBytes into) {
    return offset % kBlockBytes == 0 && into.size() % kBlockBytes == 0 &&
           reinterpret_cast<std::uintptr_t>(into.data()) % kBlockBytes == 0;
}

class PosixFile final : public File {
 public:
    PosixFile(Descriptor fd, Descriptor direct, std::string path, std::uint64_t inode)
        : fd_(std::move(fd)), direct_(std::move(direct)), path_(std::move(path)), inode_(inode) {}

    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
        std::size_t done = 0;
        while (done < into.size()) {
            const MutableBytes rest = into.subspan(done);
            const bool direct = direct_.get() >= 0 && whole_blocks(offset + done, rest);
            const ssize_t count = ::pread(direct ? direct_.get() : fd_.get(), rest.data(), rest.size(),
                                          static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno == EINVAL && direct) {  // larger blocks than ours
                direct_ = Descriptor();
                continue;
            }
            if (count < 0) return system_error(errno, "read " + path_);
            if (count == 0) break;
            done += static_cast<std::size_t>(count);
        }
        return done;
    }

    // A buffered read that meets a direct write of the same block may leave the older contents in the page
    // cache.
    void drop_cache(std::uint64_t offset, std::uint64_t bytes) override {
        (void)::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                              POSIX_FADV_DONTNEED);
    }

    Status write_at(std::uint64_t offset, Bytes bytes) override {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t count = ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                                           static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return system_error(errno, "write " + path_);
            done += static_cast<std::size_t>(count);
        }
        return ok_status();
    }

    Status sync() override {
        if (::fsync(fd_.get()) != 0) return system_error(errno, "fsync " + path_);
        return ok_status();
    }

    Result<std::uint64_t> size() override {
        struct stat about {};
        if (::fstat(fd_.get(), &about) != 0) return system_error(errno, "stat " + path_);
        return static_cast<std::uint64_t>(about.st_size);
    }

    std::uint64_t identity() const override { return inode_; }

    Result<bool> try_lock() override {
        if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return true;
        if (errno == EWOULDBLOCK) return false;
        return system_error(errno, "lock " + path_);
    }

 private:
    Descriptor fd_;
    Descriptor direct_;  // the same file with O_DIRECT, or none
    std::string path_;
    std::uint64_t inode_;
};

class PosixFileSystem final : public FileSystem {
 public:
    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override {
        DIR* stream = ::opendir(directory.c_str());
        if (stream == nullptr) return system_error(errno, "open directory " + directory);
        std::vector<DirectoryEntry> entries;
        while (const dirent* found = ::readdir(stream)) {
            struct stat about {};
            if (::fstatat(::dirfd(stream), found->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
                continue;  // gone
            entries.push_back(
                {found->d_name, static_cast<std::uint64_t>(about.st_size), S_ISDIR(about.st_mode)});
        }
        ::closedir(stream);
        return entries;
    }

    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
        int flags = O_CLOEXEC;
        switch (mode) {
            case OpenMode::read:
            case OpenMode::read_direct:
                flags |= O_RDONLY;
                break;
            case OpenMode::write:
                flags |= O_RDWR;
                break;
            case OpenMode::create:
                flags |= O_RDWR | O_CREAT;
                break;
            case OpenMode::create_new:
                flags |= O_RDWR | O_CREAT | O_EXCL;
                break;
        }
        Descriptor fd(::open(path.c_str(), flags, kFileMode));
        if (fd.get() < 0) return system_error(errno, "open " + path);
        struct stat about {};
        if (::fstat(fd.get(), &about) != 0) return system_error(errno, "stat " + path);
        Descriptor direct;
        if (mode == OpenMode::read_direct) {
            // Through the first one: the name may be another file's by now.
            const std::string same = "/proc/self/fd/" + std::to_string(fd.get());
            direct = Descriptor(::open(same.c_str(), flags | O_DIRECT));
        }
        return std::unique_ptr<File>(
            std::make_unique<PosixFile>(std::move(fd), std::move(direct), path, about.st_ino));
    }

    Status make_directories(const std::string& path) override {
        for (std::size_t at = 1; at <= path.size(); ++at) {
            if (at != path.size() && path[at] != '/') continue;
            const std::string prefix = path.substr(0, at);
            if (::mkdir(prefix.c_str(), kDirectoryMode) != 0) {
                if (errno != EEXIST) return system_error(errno, "create directory " + prefix);
                continue;
            }
            const std::size_t slash = prefix.rfind('/');
            const std::string parent = slash == 0                   ? "/"
                                       : slash == std::string::npos ? "."
                                                                    : prefix.substr(0, slash);
            const Status synced = sync_directory(parent);
            if (!synced) return synced;
        }
        struct stat about {};
        if (::stat(path.c_str(), &about) != 0) return system_error(errno, "stat " + path);
        if (!S_ISDIR(about.st_mode)) return system_error(ENOTDIR, path);
        return ok_status();
    }

    Status rename(const std::string& from, const std::string& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0) return system_error(errno, "rename " + from);
        return ok_status();
    }

    Status remove(const std::string& path) override {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(errno, "remove " + path);
        return ok_status();
    }

    Status sync_directory(const std::string& path) override {
        const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return system_error(errno, "open directory " + path);
        const int result = ::fsync(fd);
        const int error = errno;
        ::close(fd);
        if (result != 0) return system_error(error, "fsync directory " + path);
        return ok_status();
    }

    Result<bool> direct_io(const std::string& directory) override {
        const std::string path = directory + "/direct-io.probe";
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT, kFileMode);
        const int open_error = errno;
        if (fd < 0 && open_error != EINVAL) return system_error(open_error, "create " + path);
        bool works = false;
        if (fd >= 0) {
            alignas(4096) static constexpr std::array<char, 4096> kZeros{};
            works = ::pwrite(fd, kZeros.data(), kZeros.size(), 0) == static_cast<ssize_t>(kZeros.size());
            const int write_error = errno;
            ::close(fd);
            ::unlink(path.c_str());
            // A full disk says nothing about O_DIRECT, and opening with it did work.
            if (!works && write_error == ENOSPC) works = true;
            if (!works && write_error != EINVAL) return system_error(write_error, "write " + path);
            return works;
        }
        ::unlink(path.c_str());
        return false;
    }

    std::uint64_t random() override {
        std::uint64_t value = 0;
        RMX_ASSERT(::getrandom(&value, sizeof value, 0) == sizeof value);
        return value;
    }
};

}  // namespace

FileSystem& posix_file_system() {
    static PosixFileSystem files;
    return files;
}

}  // namespace ringmx::storage::spool
