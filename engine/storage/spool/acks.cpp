#include "storage/spool/acks.hpp"

#include <cerrno>

namespace ringmx::storage::spool {

bool AckSet::add(std::uint32_t offset) {
    const std::size_t index = offset / kFrameHeaderBytes;
    if (index >= bits_.size()) bits_.resize(align_up(index + 1, kBlockBytes));
    if (bits_[index]) return false;
    bits_[index] = true;
    ++size_;
    return true;
}

bool AckSet::contains(std::uint32_t offset) const {
    const std::size_t index = offset / kFrameHeaderBytes;
    return index < bits_.size() && bits_[index];
}

Result<std::uint64_t> load_acks(FileSystem& files, const std::string& path, std::uint64_t segment,
                                std::uint64_t from, AckSet& set) {
    auto file = files.open(path, OpenMode::read);
    if (!file) {
        if (file.error().code == ENOENT) return std::uint64_t{0};
        return file.error();
    }
    std::vector<std::byte> buffer(64u << 10);
    for (std::uint64_t at = from;;) {
        const auto count = (*file)->read_at(at, buffer);
        if (!count) return count.error();
        const std::size_t used =
            for_each_ack({buffer.data(), *count}, segment, [&](std::uint32_t offset) { set.add(offset); });
        at += used;
        if (used == 0) return at;
    }
}

}  // namespace ringmx::storage::spool
