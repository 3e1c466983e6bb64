#include "storage/spool/uring_disk.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "storage/free_space.hpp"

namespace ringmx::storage::spool {
namespace {

constexpr std::uint64_t kPayloadMask = (std::uint64_t{1} << 56) - 1;
constexpr mode_t kFileMode = 0600;

}  // namespace

Result<std::unique_ptr<UringDisk>> UringDisk::open(ring::Ring& ring, const std::string& directory,
                                                   bool direct) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, "open directory " + directory);
    std::unique_ptr<UringDisk> disk(new UringDisk(ring, fd, direct, directory));
    disk->handler_tag_ = ring.add_handler(*disk);
    return disk;
}

UringDisk::~UringDisk() {
    RMX_ASSERT(in_flight_ == 0);
    ring_.remove_idle_handler(handler_tag_);
    ::close(directory_);
}

void UringDisk::start(DiskOp& op) {
    RMX_ASSERT(!op.in_flight && op.client != nullptr);
    const auto address = reinterpret_cast<std::uintptr_t>(&op);
    RMX_ASSERT((address & ~kPayloadMask) == 0);
    io_uring_sqe* sqe = ring_.request();
    prepare(sqe, op);
    sqe->user_data = handler_tag_ | address;
    op.in_flight = true;
    ++in_flight_;
}

void UringDisk::prepare(io_uring_sqe* sqe, const DiskOp& op) const {
    const int direct = direct_ ? O_DIRECT : 0;
    switch (op.kind) {
        case DiskOp::Kind::open_segment:
            io_uring_prep_openat(sqe, directory_, op.name, O_RDWR | O_CLOEXEC | direct, 0);
            break;
        case DiskOp::Kind::create_segment:
            io_uring_prep_openat(sqe, directory_, op.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | direct,
                                 kFileMode);
            break;
        case DiskOp::Kind::open_read:
            io_uring_prep_openat(sqe, directory_, op.name, O_RDONLY | O_CLOEXEC, 0);
            break;
        case DiskOp::Kind::close:
            io_uring_prep_close(sqe, op.file);
            break;
        case DiskOp::Kind::allocate:
            io_uring_prep_fallocate(sqe, op.file, 0, static_cast<off_t>(op.offset),
                                    static_cast<off_t>(op.bytes));
            break;
        case DiskOp::Kind::write:
            io_uring_prep_writev(sqe, op.file, op.pieces, op.piece_count, op.offset);
            break;
        case DiskOp::Kind::write_durable:
            if (op.piece_count == 1) {
                io_uring_prep_write(sqe, op.file, op.pieces->iov_base,
                                    static_cast<unsigned>(op.pieces->iov_len), op.offset);
                sqe->rw_flags = RWF_DSYNC;
            } else {
                io_uring_prep_writev2(sqe, op.file, op.pieces, op.piece_count, op.offset, RWF_DSYNC);
            }
            break;
        case DiskOp::Kind::read:
            io_uring_prep_readv(sqe, op.file, op.pieces, op.piece_count, op.offset);
            break;
        case DiskOp::Kind::sync:
            io_uring_prep_fsync(sqe, op.file, 0);
            break;
        case DiskOp::Kind::rename:
            io_uring_prep_renameat(sqe, directory_, op.name, directory_, op.new_name, 0);
            break;
        case DiskOp::Kind::remove:
            io_uring_prep_unlinkat(sqe, directory_, op.name, 0);
            break;
        case DiskOp::Kind::sync_directory:
            io_uring_prep_fsync(sqe, directory_, 0);
            break;
    }
}

void UringDisk::on_completion(std::uint64_t payload, std::int32_t result, std::uint32_t) {
    auto* op = reinterpret_cast<DiskOp*>(static_cast<std::uintptr_t>(payload));
    RMX_ASSERT(op->in_flight && in_flight_ > 0);
    op->in_flight = false;
    --in_flight_;
    op->client->disk_done(*op, result);
}

Result<int> UringDisk::open_now(const char* name) {
    const int fd = ::openat(directory_, name, O_RDWR | O_CLOEXEC | (direct_ ? O_DIRECT : 0));
    if (fd < 0) return system_error(errno, "open " + path_ + "/" + name);
    return fd;
}

Result<std::uint64_t> UringDisk::free_bytes() {
    const std::int64_t free = free_space(directory_);
    if (free < 0) return system_error(static_cast<int>(-free), "statvfs " + path_);
    return static_cast<std::uint64_t>(free);
}

void UringDisk::drain() {
    while (in_flight_ > 0) {
        RMX_ASSERT(ring_.enter(100 * kNsPerMs) == 0);
        ring_.reap([](const io_uring_cqe&) {});
    }
}

}  // namespace ringmx::storage::spool
