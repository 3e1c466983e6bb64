#include "maildir_export.hpp"

#include <cerrno>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringmx::ctl {

namespace {

constexpr std::string_view kSuffix = ".ringmx";

Status make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) == 0) return ok_status();
    const int code = errno;
    struct stat info {};
    if (code == EEXIST && stat(path.c_str(), &info) == 0) {
        return S_ISDIR(info.st_mode) ? ok_status() : Status(Error{ENOTDIR, path + ": not a folder"});
    }
    return system_error(code, path);
}

Status sync_folder(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, path);
    const int result = fsync(fd);
    const int code = errno;
    close(fd);
    return result == 0 ? ok_status() : Status(system_error(code, path));
}

// The id in "SECONDS.ID.ringmx" or "SECONDS.ID.ringmx:2,FLAGS"; empty: not a name of ours.
std::string_view id_in_name(std::string_view name) {
    name = name.substr(0, name.find(':'));
    if (!name.ends_with(kSuffix)) return {};
    name.remove_suffix(kSuffix.size());
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || !MessageId::parse(name.substr(dot + 1))) return {};
    return name.substr(dot + 1);
}

}  // namespace

Result<MaildirExport> MaildirExport::open(const std::string& path) {
    for (const char* folder : {"", "/tmp", "/new", "/cur"}) {
        if (Status made = make_folder(path + folder); !made) return made.error();
    }
    if (Status synced = sync_folder(path); !synced) return synced.error();
    MaildirExport maildir(path);
    for (const char* folder : {"/new", "/cur"}) {
        if (Status collected = maildir.collect_present(path + folder); !collected) return collected.error();
    }
    return maildir;
}

Status MaildirExport::collect_present(const std::string& folder) {
    DIR* const listing = opendir(folder.c_str());
    if (listing == nullptr) return system_error(errno, folder);
    while (const dirent* entry = readdir(listing)) {
        if (const std::string_view id = id_in_name(entry->d_name); !id.empty()) present_.emplace(id);
    }
    closedir(listing);
    return ok_status();
}

std::string MaildirExport::name_of(const MessageId& id) const {
    return std::to_string(id.unix_ms() / 1000).append(".").append(as_text(id.text())).append(kSuffix);
}

Result<int> MaildirExport::create(const std::string& name) const {
    // A file of this name in tmp is what an export that was cut off has left.
    const std::string path = path_ + "/tmp/" + name;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return system_error(errno, path);
    return fd;
}

Status MaildirExport::settle(int fd, const std::string& name, const Status& written) {
    const std::string from = path_ + "/tmp/" + name;
    Status result = written.ok() ? ok_status() : Status(written.error());
    if (result.ok() && fsync(fd) != 0) result = system_error(errno, from);
    if (close(fd) != 0 && result.ok()) result = system_error(errno, from);
    if (result.ok() && rename(from.c_str(), (path_ + "/new/" + name).c_str()) != 0)
        result = system_error(errno, from);
    if (!result.ok()) unlink(from.c_str());
    return result;
}

Status MaildirExport::finish() {
    return sync_folder(path_ + "/new");
}

}  // namespace ringmx::ctl
