// Text that leaves nothing in memory when it is freed: private keys as they were read. Octets are cleansed
// each time that the string lets go of its room, also when it grows or is moved. (Texts of less than 16
// octets stand in the object itself; no key is so short.)
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace ringmx::tls {

// Writes zeros that no compiler leaves out.
void cleanse(void* octets, std::size_t count);

template <typename T, typename Upstream = std::allocator<T>>
struct CleansingAllocator {
    using value_type = T;
    template <typename Other>
    struct rebind {
        using other =
            CleansingAllocator<Other, typename std::allocator_traits<Upstream>::template rebind_alloc<Other>>;
    };

    CleansingAllocator() = default;
    template <typename Other, typename OtherUpstream>
    CleansingAllocator(const CleansingAllocator<Other, OtherUpstream>&) {}  // NOLINT: implicit by intent

    T* allocate(std::size_t count) { return Upstream().allocate(count); }
    void deallocate(T* room, std::size_t count) {
        cleanse(room, count * sizeof(T));
        Upstream().deallocate(room, count);
    }
    friend bool operator==(const CleansingAllocator&, const CleansingAllocator&) { return true; }
};

using SecretText = std::basic_string<char, std::char_traits<char>, CleansingAllocator<char>>;

}  // namespace ringmx::tls
