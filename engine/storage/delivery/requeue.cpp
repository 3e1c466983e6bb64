#include "storage/delivery/requeue.hpp"

#include <algorithm>
#include <cerrno>

#include "storage/spool/file_system.hpp"

namespace ringmx::storage::delivery {
namespace {

std::string folder_of(const std::string& path) {
    return path + "/requeue";
}

}  // namespace

std::string dead_path(const std::string& spool_path) {
    return spool_path + "/dead";
}

Status make_requeue_folder(const std::string& path) {
    return spool::posix_file_system().make_directories(folder_of(path));
}

Status request_requeue(const std::string& path, const spool::Cursor& letter) {
    spool::FileSystem& files = spool::posix_file_system();
    if (Status made = make_requeue_folder(path); !made) return made;
    const auto file = files.open(folder_of(path) + "/" + letter.text(), spool::OpenMode::create);
    if (!file) return file.error();
    return files.sync_directory(folder_of(path));
}

Result<std::vector<spool::Cursor>> requeue_requests(const std::string& path) {
    std::vector<spool::Cursor> letters;
    const auto entries = spool::posix_file_system().list(folder_of(path));
    if (!entries) {
        if (entries.error().code == ENOENT) return letters;
        return entries.error();
    }
    for (const spool::DirectoryEntry& entry : *entries) {
        if (const auto letter = spool::Cursor::parse(entry.name)) letters.push_back(*letter);
    }
    std::sort(letters.begin(), letters.end());
    return letters;
}

Status take_back_request(const std::string& path, const spool::Cursor& letter) {
    return spool::posix_file_system().remove(folder_of(path) + "/" + letter.text());
}

}  // namespace ringmx::storage::delivery
