#include "acks.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace ringmx::load {
namespace {

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    if (fdatasync(fd) == 0 || errno == EINVAL) return 0;  // a pipe or a terminal has nothing to sync
    return errno;
}

}  // namespace

AckWriter::AckWriter(int fd, std::string path) : fd_(fd), path_(std::move(path)) {
    thread_ = std::thread([this] { run(); });
}

AckWriter::~AckWriter() {
    (void)close();
}

Result<std::unique_ptr<AckWriter>> AckWriter::create(const std::string& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return system_error(errno, path);
    return std::unique_ptr<AckWriter>(new AckWriter(fd, path));
}

void AckWriter::add(std::string_view lines) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.empty();
    waiting_ += lines;
    if (was_empty) changed_.notify_one();
}

void AckWriter::run() {
    std::string taken;
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        taken.clear();
        taken.swap(waiting_);
        lock.unlock();
        const int error = write_all(fd_, taken);
        lock.lock();
        if (error_ == 0) error_ = error;
    }
}

Status AckWriter::close() {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        changed_.notify_one();
        thread_.join();
        if (::close(fd_) != 0 && error_ == 0) error_ = errno;
    }
    return error_ == 0 ? ok_status() : Status(system_error(error_, path_));
}

}  // namespace ringmx::load
