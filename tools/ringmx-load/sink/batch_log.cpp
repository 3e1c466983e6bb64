#include "batch_log.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fatal.hpp"

namespace ringmx::floor {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kBatchBytes = 1u << 20;
constexpr std::size_t kFileBytes = 256u << 20;  // written round and round
constexpr std::size_t kBatchesMax = 1024;       // 1 GiB that the disk has not taken
constexpr std::size_t kInFlightMax = 2;

char* map_memory(std::size_t octets) {
    void* memory =
        mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) fatal("mmap", errno);
    return static_cast<char*>(memory);
}

}  // namespace

BatchLog::BatchLog(io_uring& ring, const char* path, std::uint64_t tag) : ring_(ring), tag_(tag) {
    file_ = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
    if (file_ < 0) fatal(path, errno);
    const char* const zeros = map_memory(kBatchBytes);
    for (std::size_t at = 0; at < kFileBytes; at += kBatchBytes) {
        if (pwrite(file_, zeros, kBatchBytes, static_cast<off_t>(at)) != static_cast<ssize_t>(kBatchBytes)) {
            fatal(path, errno);
        }
    }
    if (fsync(file_) != 0) fatal(path, errno);
    munmap(const_cast<char*>(zeros), kBatchBytes);
    order_.push_back(take_batch());
}

std::uint32_t BatchLog::take_batch() {
    if (!free_.empty()) {
        const std::uint32_t number = free_.back();  // the one used last: its memory is still in the cache
        free_.pop_back();
        return number;
    }
    if (batches_.size() == kBatchesMax)
        fatal("clients send faster than the disk writes, 1 GiB behind", ENOBUFS);
    batches_.push_back(std::make_unique<Batch>());
    batches_.back()->memory = map_memory(kBatchBytes);
    return static_cast<std::uint32_t>(batches_.size() - 1);
}

void BatchLog::append(const char* octets, std::size_t count) {
    while (count > 0) {
        Batch* batch = batches_[order_.back()].get();
        if (batch->used == kBatchBytes) {
            order_.push_back(take_batch());
            batch = batches_[order_.back()].get();
        }
        const std::size_t part = std::min(count, kBatchBytes - batch->used);
        std::memcpy(batch->memory + batch->used, octets, part);
        batch->used += part;
        octets += part;
        count -= part;
    }
}

void BatchLog::release_later(HeldReply reply) {
    batches_[order_.back()]->held.push_back(reply);
}

void BatchLog::flush() {
    while (in_flight_ < kInFlightMax && submitted_ < order_.size()) {
        const Batch& batch = *batches_[order_[submitted_]];
        if (batch.used == 0 && batch.held.empty()) return;
        queue_write(order_[submitted_++]);
        ++in_flight_;
        if (submitted_ == order_.size()) order_.push_back(take_batch());
    }
}

void BatchLog::queue_write(std::uint32_t number) {
    Batch& batch = *batches_[number];
    batch.in_write = std::max(kBlockBytes, (batch.used + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
    std::memset(batch.memory + batch.used, 0, batch.in_write - batch.used);
    if (offset_ + batch.in_write > kFileBytes) offset_ = 0;
    io_uring_sqe* sqe = next_sqe(ring_);
    io_uring_prep_write(sqe, file_, batch.memory, static_cast<unsigned>(batch.in_write), offset_);
    sqe->rw_flags = RWF_DSYNC;
    sqe->user_data = tag_ | number;
    offset_ += batch.in_write;
}

const std::vector<HeldReply>& BatchLog::written(std::uint32_t number, int result) {
    Batch& batch = *batches_[number];
    if (result < 0) fatal("write", -result);
    if (static_cast<std::size_t>(result) != batch.in_write) fatal("short write", EIO);
    batch.done = true;
    --in_flight_;
    due_.clear();
    while (submitted_ > 0 && batches_[order_.front()]->done) {
        Batch& first = *batches_[order_.front()];
        due_.insert(due_.end(), first.held.begin(), first.held.end());
        first.held.clear();
        first.used = 0;
        first.done = false;
        free_.push_back(order_.front());
        order_.pop_front();
        --submitted_;
    }
    return due_;
}

}  // namespace ringmx::floor
