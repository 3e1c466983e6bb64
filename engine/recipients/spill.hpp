// Records, sorted roughly: into parts, each of which fits into memory, through a file that has no name. What
// waits in memory is bounded, however many records there are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace ringmx::recipients {

class Spill {
 public:
    // The file is made in `folder`.
    static Result<Spill> create(const std::string& folder, unsigned parts);
    Spill(Spill&& other) noexcept;
    Spill& operator=(Spill&&) = delete;
    ~Spill();

    Status append(unsigned part, std::string_view record);
    // Everything that was appended to a part, in its order.
    Result<std::string> read(unsigned part);

 private:
    struct Piece {
        std::uint64_t offset;
        std::size_t octets;
    };
    struct Part {
        std::string waiting;
        std::vector<Piece> pieces;  // in the file
    };

    Spill(int fd, unsigned parts);

    int fd_;
    std::vector<Part> parts_;
    std::uint64_t end_ = 0;
};

}  // namespace ringmx::recipients
