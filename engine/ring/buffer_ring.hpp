// A ring of provided receive buffers (IORING_REGISTER_PBUF_RING, kernel 5.19): the kernel picks a buffer when
// data arrives, so idle connections hold none. The rule of use: a buffer goes back at the end of the turn
// that brought it.
//
// The kernel takes buffers in the order in which it was given them. Were it given all, it would go round
// them all, and write into cold memory each time. So it is given a supply of a few, those that were used
// last, and more only once it has run out; ran_out() says so.
// Destroyed before its Ring, when no request on it is armed any more. AddressSanitizer
// reports reads of a buffer that the kernel holds: view() makes its octets readable, give_back() ends that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ring/ring.hpp"

namespace ringmx::ring {

class BufferRing {
 public:
    // The supply to begin with, and the least.
    static constexpr std::uint32_t supply_min = 8;
    // `entries` is a power of two, at most 32768. The memory is mapped, page aligned, never huge pages.
    // `supply`: to begin with.
    static Result<std::unique_ptr<BufferRing>> create(Ring& ring, std::uint16_t group, std::uint32_t entries,
                                                      std::size_t buffer_bytes,
                                                      std::uint32_t supply = supply_min);
    ~BufferRing();
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;

    std::uint16_t group() const { return group_; }
    std::size_t buffer_bytes() const { return buffer_bytes_; }
    // The buffer that a completion's flags name (IORING_CQE_F_BUFFER), its first `octets`.
    static std::uint16_t buffer_id(std::uint32_t cqe_flags) {
        return static_cast<std::uint16_t>(cqe_flags >> 16);
    }
    Bytes view(std::uint16_t id, std::size_t octets) const;

    // A completion reported a buffer.
    void taken() { --supplied_; }
    void give_back(std::uint16_t id);
    // A completion reported that there was none (ENOBUFS): twice as many from the next publish() on.
    void ran_out() { wanted_ = std::min(wanted_ * 2, count_); }
    // Shows the kernel its supply.
    void publish();
    // Now and then: half as many, if that has been enough since the last time.
    void settle();
    // Buffers that the kernel holds (published and not yet reported used).
    std::uint32_t supplied() const { return supplied_; }
    std::size_t memory_bytes() const;

 private:
    BufferRing() = default;
    std::size_t entries_bytes() const;
    std::size_t buffers_bytes() const;
    std::byte* start_of(std::uint16_t id) const;

    Ring* ring_ = nullptr;
    io_uring_buf_ring* entries_ = nullptr;
    std::byte* memory_ = nullptr;
    std::size_t buffer_bytes_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t wanted_ = supply_min;
    std::uint32_t supplied_ = 0;
    std::uint32_t supplied_least_ = UINT32_MAX;  // since settle(), before a publish()
    std::vector<std::uint16_t> free_;            // with us; the last one was used last
    std::uint16_t group_ = 0;
};

}  // namespace ringmx::ring
