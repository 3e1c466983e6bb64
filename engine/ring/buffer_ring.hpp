// A ring of provided receive buffers (IORING_REGISTER_PBUF_RING, kernel 5.19): the kernel picks a buffer when
// data arrives, so idle connections hold none. The rule of use: a buffer goes back at the end of the turn
// that brought it. Destroyed before its Ring, when no request on it is armed any more. AddressSanitizer
// reports reads of a buffer that the kernel holds: view() makes its octets readable, give_back() ends that.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ring/ring.hpp"

namespace ringmx::ring {

class BufferRing {
 public:
    // `entries` is a power of two, at most 32768. The memory is mapped, page aligned, never huge pages.
    static Result<std::unique_ptr<BufferRing>> create(Ring& ring, std::uint16_t group, std::uint32_t entries,
                                                      std::size_t buffer_bytes);
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

    // Gives a buffer back; visible to the kernel after publish().
    void give_back(std::uint16_t id);
    void publish();
    // Buffers that the kernel holds now (given and not yet reported used).
    std::uint32_t available() const { return available_; }
    void taken() { --available_; }  // a completion reported a buffer
    std::size_t memory_bytes() const;

 private:
    BufferRing() = default;
    std::size_t entries_bytes() const;
    std::size_t buffers_bytes() const;

    Ring* ring_ = nullptr;
    io_uring_buf_ring* entries_ = nullptr;
    std::byte* memory_ = nullptr;
    std::size_t buffer_bytes_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t available_ = 0;
    std::uint32_t pending_ = 0;
    std::uint16_t group_ = 0;
};

}  // namespace ringmx::ring
