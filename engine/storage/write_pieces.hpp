// Writes all of some pieces through the file operations of a backend, however little each write takes.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/uio.h>

#include "base/bytes.hpp"

namespace ringmx::storage {

constexpr std::size_t kPiecesMax = 64;  // of one write

inline iovec piece_of(Bytes bytes) {
    return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

// 0 or errno; the octets written are added to `octets` either way. `pieces` is used up.
template <typename Files>
int write_pieces(Files& files, int fd, std::span<iovec> pieces, std::uint64_t& octets) {
    for (;;) {
        while (!pieces.empty() && pieces.front().iov_len == 0)
            pieces = pieces.subspan(1);
        if (pieces.empty()) return 0;
        const std::int64_t written = files.write(fd, pieces);
        if (written == -EINTR) continue;
        if (written <= 0) return written == 0 ? EIO : static_cast<int>(-written);
        octets += static_cast<std::uint64_t>(written);
        auto left = static_cast<std::size_t>(written);
        for (iovec& piece : pieces) {
            const std::size_t taken = std::min(left, piece.iov_len);
            piece.iov_base = static_cast<std::byte*>(piece.iov_base) + taken;
            piece.iov_len -= taken;
            left -= taken;
        }
    }
}

}  // namespace ringmx::storage
