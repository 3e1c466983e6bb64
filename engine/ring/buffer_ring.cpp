#include "ring/buffer_ring.hpp"

#include <cerrno>
#include <cstddef>

#include <sys/mman.h>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/poison.hpp"

namespace ringmx::ring {
namespace {

constexpr std::uint32_t kEntriesMax = 32768;  // the kernel's own limit

std::byte* map_pages(std::size_t octets) {
    void* memory = mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    // One small mail must not make two megabytes resident. Kernels without huge pages refuse the advice: no
    // harm.
    madvise(memory, octets, MADV_NOHUGEPAGE);
    return static_cast<std::byte*>(memory);
}

}  // namespace

Result<std::unique_ptr<BufferRing>> BufferRing::create(Ring& ring, std::uint16_t group, std::uint32_t entries,
                                                       std::size_t buffer_bytes) {
    RMX_ASSERT(entries > 0 && entries <= kEntriesMax && (entries & (entries - 1)) == 0);
    RMX_ASSERT(buffer_bytes > 0 && buffer_bytes <= UINT32_MAX);
    std::unique_ptr<BufferRing> self(new BufferRing);
    self->buffer_bytes_ = buffer_bytes;
    self->count_ = entries;
    self->group_ = group;
    self->entries_ = reinterpret_cast<io_uring_buf_ring*>(map_pages(self->entries_bytes()));
    self->memory_ = map_pages(self->buffers_bytes());
    if (self->entries_ == nullptr || self->memory_ == nullptr) {
        return system_error(ENOMEM,
                            "mapping " + std::to_string(self->memory_bytes()) + " octets of receive buffers");
    }
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(self->entries_);
    registration.ring_entries = entries;
    registration.bgid = group;
    const int result = io_uring_register_buf_ring(ring.raw(), &registration, 0);
    if (result < 0) return system_error(-result, "io_uring: registering a ring of receive buffers");
    self->ring_ = &ring;
    for (std::uint32_t id = 0; id < entries; ++id)
        self->give_back(static_cast<std::uint16_t>(id));
    self->publish();
    return self;
}

BufferRing::~BufferRing() {
    if (ring_ != nullptr) io_uring_unregister_buf_ring(ring_->raw(), group_);
    if (entries_ != nullptr) munmap(entries_, entries_bytes());
    if (memory_ != nullptr) {
        unpoison(memory_, buffers_bytes());
        munmap(memory_, buffers_bytes());
    }
}

std::size_t BufferRing::entries_bytes() const {
    return align_up(count_ * sizeof(io_uring_buf), limits::page_bytes);
}
std::size_t BufferRing::buffers_bytes() const {
    return align_up(count_ * buffer_bytes_, limits::page_bytes);
}
std::size_t BufferRing::memory_bytes() const {
    return entries_bytes() + buffers_bytes();
}

Bytes BufferRing::view(std::uint16_t id, std::size_t octets) const {
    RMX_ASSERT(id < count_ && octets <= buffer_bytes_);
    const std::byte* start = memory_ + id * buffer_bytes_;
    unpoison(start, octets);
    return {start, octets};
}

void BufferRing::give_back(std::uint16_t id) {
    RMX_ASSERT(id < count_ && available_ < count_);
    std::byte* start = memory_ + id * buffer_bytes_;
    poison(start, buffer_bytes_);
    // The entries overlay the ring's header from its first octet; the tail lies in the reserved field of
    // entry 0. So only the other fields are written.
    auto* entries = reinterpret_cast<io_uring_buf*>(entries_);
    const auto index = static_cast<std::uint16_t>(entries_->tail + pending_) & (count_ - 1);
    entries[index].addr = reinterpret_cast<std::uint64_t>(start);
    entries[index].len = static_cast<std::uint32_t>(buffer_bytes_);
    entries[index].bid = id;
    ++pending_;
    ++available_;
}

void BufferRing::publish() {
    if (pending_ == 0) return;
    io_uring_smp_store_release(&entries_->tail, static_cast<std::uint16_t>(entries_->tail + pending_));
    pending_ = 0;
}

}  // namespace ringmx::ring
