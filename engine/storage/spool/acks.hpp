// AckSet: which messages of one segment consumers have acknowledged, as read from the segment's ack file.
// One bit for each 128 bytes of the segment: no two frames start within the same 128 bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "storage/spool/file_system.hpp"
#include "storage/spool/format.hpp"

namespace ringmx::storage::spool {

class AckSet {
 public:
    // False: it was there already.
    bool add(std::uint32_t offset);
    bool contains(std::uint32_t offset) const;
    std::uint64_t size() const { return size_; }

 private:
    std::vector<bool> bits_;
    std::uint64_t size_ = 0;
};

// Takes whole, good records of `segment` out of `bytes`, calls f(offset) for each; returns the octets used
// up. Stops at the first record that is not one: a consumer is writing it, or a crash cut it off.
template <typename F>
std::size_t for_each_ack(Bytes bytes, std::uint64_t segment, F&& f) {
    std::size_t used = 0;
    while (bytes.size() - used >= kAckRecordBytes) {
        const auto record = decode_ack(bytes.data() + used);
        if (!record || record->segment != segment) break;
        f(record->offset);
        used += kAckRecordBytes;
    }
    return used;
}

// Reads an ack file from `from` on into `set`; returns the length of its good part. No file: 0.
Result<std::uint64_t> load_acks(FileSystem& files, const std::string& path, std::uint64_t segment,
                                std::uint64_t from, AckSet& set);

}  // namespace ringmx::storage::spool
