#include "recipients/spill.hpp"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace ringmx::recipients {

namespace {

constexpr std::size_t kPieceOctets = 64u << 10;
constexpr std::size_t kRecordOctets = 2048;  // more than an address has

int nameless_file(const std::string& folder) {
    const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    std::string name = folder + "/.recipients-XXXXXX";  // a file system without O_TMPFILE
    const int named = mkostemp(name.data(), O_CLOEXEC);
    if (named >= 0) unlink(name.c_str());
    return named;
}

}  // namespace

Result<Spill> Spill::create(const std::string& folder, unsigned parts) {
    const int fd = nameless_file(folder);
    if (fd < 0) return system_error(errno, "a temporary file in " + folder);
    return Spill(fd, parts);
}

Spill::Spill(int fd, unsigned parts) : fd_(fd), parts_(parts) {
    for (Part& part : parts_)
        part.waiting.reserve(kPieceOctets + kRecordOctets);
}

Spill::Spill(Spill&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), parts_(std::move(other.parts_)), end_(other.end_) {}

Spill::~Spill() {
    if (fd_ >= 0) ::close(fd_);
}

Status Spill::append(unsigned part, std::string_view record) {
    Part& to = parts_[part];
    to.waiting.append(record);
    if (to.waiting.size() < kPieceOctets) return ok_status();
    for (std::size_t at = 0; at < to.waiting.size();) {
        const ssize_t put =
            pwrite(fd_, to.waiting.data() + at, to.waiting.size() - at, static_cast<off_t>(end_ + at));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, "a temporary file");
        at += static_cast<std::size_t>(put);
    }
    to.pieces.push_back({end_, to.waiting.size()});
    end_ += to.waiting.size();
    to.waiting.clear();
    return ok_status();
}

Result<std::string> Spill::read(unsigned part) {
    Part& from = parts_[part];
    std::size_t octets = 0;
    for (const Piece& piece : from.pieces)
        octets += piece.octets;
    std::string records;
    records.resize(octets);
    std::size_t at = 0;
    for (const Piece& piece : from.pieces) {
        for (std::size_t done = 0; done < piece.octets;) {
            const ssize_t got = pread(fd_, records.data() + at + done, piece.octets - done,
                                      static_cast<off_t>(piece.offset + done));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return system_error(got < 0 ? errno : EIO, "a temporary file");
            done += static_cast<std::size_t>(got);
        }
        at += piece.octets;
    }
    records.append(from.waiting);
    from = {};
    return records;
}

}  // namespace ringmx::recipients
