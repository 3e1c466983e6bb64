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
// Between buffers: their heads, which is what small input uses, lie in different sets of the caches.
constexpr std::size_t kStrideOctets = 320;

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
                                                       std::size_t buffer_bytes, std::uint32_t supply) {
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
    self->wanted_ = std::min(supply, entries);
    self->free_.reserve(entries);
    for (std::uint32_t id = entries; id > 0; --id)
        self->give_back(static_cast<std::uint16_t>(id - 1));
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
    return align_up(count_ * (buffer_bytes_ + kStrideOctets), limits::page_bytes);
}
std::size_t BufferRing::memory_bytes() const {
    return entries_bytes() + buffers_bytes();
}

std::byte* BufferRing::start_of(std::uint16_t id) const {
    RMX_ASSERT(id < count_);
    return memory_ + id * (buffer_bytes_ + kStrideOctets);
}

Bytes BufferRing::view(std::uint16_t id, std::size_t octets) const {
    RMX_ASSERT(octets <= buffer_bytes_);
    const std::byte* start = start_of(id);
    unpoison(start, octets);
    return {start, octets};
}

void BufferRing::give_back(std::uint16_t id) {
    RMX_ASSERT(free_.size() + supplied_ < count_);
    poison(start_of(id), buffer_bytes_);
    free_.push_back(id);
}

void BufferRing::publish() {
    supplied_least_ = std::min(supplied_least_, supplied_);
    if (supplied_ >= wanted_ || free_.empty()) return;
    // The entries overlay the ring's header from its first octet; the tail lies in the reserved field of
    // entry 0. So only the other fields are written.
    auto* entries = reinterpret_cast<io_uring_buf*>(entries_);
    std::uint16_t tail = entries_->tail;
    for (; supplied_ < wanted_ && !free_.empty(); ++supplied_, ++tail) {
        const std::uint16_t id = free_.back();
        free_.pop_back();
        io_uring_buf& entry = entries[tail & (count_ - 1)];
        entry.addr = reinterpret_cast<std::uint64_t>(start_of(id));
        entry.len = static_cast<std::uint32_t>(buffer_bytes_);
        entry.bid = id;
    }
    io_uring_smp_store_release(&entries_->tail, tail);
}

void BufferRing::settle() {
    const std::uint32_t used = wanted_ - std::min(wanted_, supplied_least_);
    if (used * 4 < wanted_ && wanted_ / 2 >= supply_min) wanted_ /= 2;
    supplied_least_ = UINT32_MAX;
}

}  // namespace ringmx::ring
