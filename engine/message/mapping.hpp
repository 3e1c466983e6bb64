// Anonymous memory that costs nothing until it is touched: what the pools lay their pieces and descriptors
// in. Zero-filled, page aligned, not reserved in swap. Made at start-up only: throws std::bad_alloc if
// refused.
#pragma once

#include <cstddef>

namespace ringmx {

class Mapping {
 public:
    explicit Mapping(std::size_t bytes);
    ~Mapping();
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    std::byte* data() const { return data_; }
    std::size_t size() const { return bytes_; }
    // Gives the physical pages of a page-aligned range back; it reads as zeros when it is touched again.
    void forget(std::size_t offset, std::size_t bytes);

 private:
    std::byte* data_;
    std::size_t bytes_;
};

}  // namespace ringmx
