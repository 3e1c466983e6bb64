#include "outlet.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringmx::jetstream {
namespace {

constexpr std::string_view suffix = ".ringmx";

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail(path);
}

void sync_folder(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fail(path);
    const int result = fsync(fd);
    close(fd);
    if (result != 0) fail(path);
}

}  // namespace

Outlet::Outlet(const std::string& maildir, const std::string& work) : maildir_(maildir) {
    if (maildir_.empty()) {
        const char* temporary = std::getenv("TMPDIR");
        chunk_folder_ = !work.empty() ? work : temporary != nullptr ? temporary : "/tmp";
        chunk_folder_ += "/ringmx-jetstream-XXXXXX";
        if (mkdtemp(chunk_folder_.data()) == nullptr) fail(chunk_folder_);
        return;
    }
    for (const char* folder : {"", "/tmp", "/new", "/cur"})
        make_folder(maildir_ + folder);
    sync_folder(maildir_);
    chunk_folder_ = maildir_ + "/tmp";
    collect_present(maildir_ + "/new");
    collect_present(maildir_ + "/cur");
}

Outlet::~Outlet() {
    abandon();
    std::error_code ignored;
    if (maildir_.empty()) std::filesystem::remove_all(chunk_folder_, ignored);
}

void Outlet::collect_present(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::string name = entry.path().filename();
        name.resize(std::min(name.size(), name.find(':')));  // flags
        if (name.ends_with(suffix)) present_.insert(name.substr(0, name.size() - suffix.size()));
    }
}

void Outlet::begin(const std::string& name, const std::string& id, std::uint64_t octets) {
    name_ = name;
    if (maildir_.empty()) {
        fd_ = STDOUT_FILENO;
        write("From ringmx " + id + " " + std::to_string(octets) + "\n");
        return;
    }
    const std::string path = maildir_ + "/tmp/" + name_ + ".part";
    fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) fail(path);
}

void Outlet::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail(maildir_.empty() ? "standard output" : name_);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void Outlet::end() {
    if (maildir_.empty()) {
        write("\n");
        fd_ = -1;
    } else {
        const std::string from = maildir_ + "/tmp/" + name_ + ".part";
        if (fsync(fd_) != 0) fail(from);
        if (close(std::exchange(fd_, -1)) != 0) fail(from);
        const std::string to = maildir_ + "/new/" + name_ + std::string(suffix);
        if (rename(from.c_str(), to.c_str()) != 0) fail(from);
        renamed_ = true;
    }
    present_.insert(name_);
}

void Outlet::abandon() {
    if (fd_ < 0 || maildir_.empty()) return;
    close(std::exchange(fd_, -1));
    unlink((maildir_ + "/tmp/" + name_ + ".part").c_str());
}

void Outlet::sync() {
    if (renamed_) sync_folder(maildir_ + "/new");
    renamed_ = false;
}

}  // namespace ringmx::jetstream
