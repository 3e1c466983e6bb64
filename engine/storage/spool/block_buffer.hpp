// Memory for reads of whole blocks, aligned as O_DIRECT wants it. Not initialised.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "base/bytes.hpp"
#include "storage/spool/format.hpp"

namespace ringmx::storage::spool {

class BlockBuffer {
 public:
    BlockBuffer() = default;
    explicit BlockBuffer(std::size_t bytes)
        : data_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kBlockBytes}))),
          bytes_(bytes) {}

    MutableBytes all() const { return {data_.get(), bytes_}; }

 private:
    struct Release {
        void operator()(std::byte* data) const { ::operator delete (data, std::align_val_t{kBlockBytes}); }
    };

    std::unique_ptr<std::byte, Release> data_;
    std::size_t bytes_ = 0;
};

}  // namespace ringmx::storage::spool
