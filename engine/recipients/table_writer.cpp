#include "recipients/table_writer.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "scan/data_scan.hpp"

namespace ringmx::recipients {

namespace {

constexpr std::size_t kWriteOctets = std::size_t{1} << 20;

Status write_at(int fd, std::uint64_t offset, Bytes octets, const std::string& name) {
    while (!octets.empty()) {
        const ssize_t put = pwrite(fd, octets.data(), octets.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, name);
        offset += static_cast<std::uint64_t>(put);
        octets = octets.subspan(static_cast<std::size_t>(put));
    }
    return ok_status();
}

// So that the new name survives a power cut.
void sync_folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    ::close(fd);
}

}  // namespace

Result<TableWriter> TableWriter::create(const std::string& path) {
    std::string temporary = path + ".tmp-" + std::to_string(getpid());
    unlink(temporary.c_str());  // of an earlier process of that number
    const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return system_error(errno, temporary);
    return TableWriter(fd, path, std::move(temporary));
}

TableWriter::TableWriter(int fd, std::string path, std::string temporary)
    : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)) {
    waiting_.reserve(kWriteOctets + (64u << 10));
}

TableWriter::TableWriter(TableWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      waiting_(std::move(other.waiting_)),
      size_(other.size_),
      section_(other.section_),
      crc_(other.crc_) {}

TableWriter::~TableWriter() {
    if (fd_ < 0) return;
    ::close(fd_);
    unlink(temporary_.c_str());
}

Status TableWriter::flush() {
    const Bytes octets = as_bytes(waiting_);
    crc_ = scan::crc32c(crc_, octets);
    if (Status status = write_at(fd_, size_ - octets.size(), octets, temporary_); !status) return status;
    waiting_.clear();
    return ok_status();
}

Status TableWriter::append(std::string_view octets) {
    waiting_.append(octets);
    size_ += octets.size();
    return waiting_.size() < kWriteOctets ? ok_status() : flush();
}

std::uint64_t TableWriter::begin_section() {
    RMX_ASSERT(waiting_.empty());
    size_ = align_up(size_, table::kSectionAlignment);
    crc_ = 0;
    return section_ = size_;
}

Status TableWriter::end_section(table::Section& section) {
    if (Status status = flush(); !status) return status;
    section = {section_, size_ - section_, crc_};
    return ok_status();
}

Status TableWriter::append_index(const std::vector<std::uint32_t>& index, table::Section& section) {
    begin_section();
    const std::string_view octets(reinterpret_cast<const char*>(index.data()),
                                  index.size() * table::kIndexEntryOctets);
    for (std::size_t at = 0; at < octets.size(); at += kWriteOctets) {
        if (Status status = append(octets.substr(at, kWriteOctets)); !status) return status;
    }
    return end_section(section);
}

void TableWriter::adopt_mode() const {
    struct stat before {};
    if (::stat(path_.c_str(), &before) != 0) return;
    // Only root may give a file away; anybody may have a group of theirs. Without either, the mode still
    // holds.
    [[maybe_unused]] const bool kept = fchown(fd_, before.st_uid, before.st_gid) == 0 ||
                                       fchown(fd_, static_cast<uid_t>(-1), before.st_gid) == 0;
    fchmod(fd_, before.st_mode & 07777);
}

Status TableWriter::finish(Bytes header) {
    if (Status status = write_at(fd_, 0, header, temporary_); !status) return status;
    adopt_mode();
    if (fsync(fd_) != 0) return system_error(errno, temporary_);
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error(errno, path_);
    ::close(std::exchange(fd_, -1));
    sync_folder_of(path_);
    return ok_status();
}

}  // namespace ringmx::recipients
