#include "recipients/private_copy.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace ringmx::recipients {

namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kReadOctets = std::size_t{8} << 20;

}  // namespace

Result<PrivateCopy> PrivateCopy::read(int fd, std::size_t octets) {
    PrivateCopy copy;
    // With room to begin at a large page, which the end then has no part of.
    copy.mapped_ = align_up(octets, kLargePage) + kLargePage;
    void* const mapping =
        mmap(nullptr, copy.mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return system_error(errno, "no memory for it");
    copy.mapping_ = mapping;
    const std::size_t ahead =
        (kLargePage - reinterpret_cast<std::uintptr_t>(mapping) % kLargePage) % kLargePage;
    copy.start_ = static_cast<std::byte*>(mapping) + ahead;
    copy.octets_ = octets;
    madvise(copy.start_, align_up(octets, kLargePage), MADV_HUGEPAGE);  // a kernel without them says no
    for (std::size_t at = 0; at < octets;) {
        const ssize_t got =
            pread(fd, copy.start_ + at, std::min(kReadOctets, octets - at), static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "cannot be read");
        if (got == 0) return Error{EINVAL, "damaged: it ends early"};
        at += static_cast<std::size_t>(got);
    }
    mprotect(mapping, copy.mapped_, PROT_READ);
    return copy;
}

PrivateCopy::PrivateCopy(PrivateCopy&& other) noexcept {
    *this = std::move(other);
}

PrivateCopy& PrivateCopy::operator=(PrivateCopy&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_, other.mapped_);
    std::swap(start_, other.start_);
    std::swap(octets_, other.octets_);
    return *this;
}

PrivateCopy::~PrivateCopy() {
    if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

}  // namespace ringmx::recipients
