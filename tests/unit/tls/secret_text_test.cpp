// Keys leave nothing in memory: neither when their text ends nor when it grows.
#include "tls/secret_text.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace ringmx::tls {
namespace {

// Looks at what is given back.
struct Seen {
    static inline std::size_t rooms = 0;
    static inline std::size_t octets_left = 0;
};

template <typename T>
struct WatchingAllocator {
    using value_type = T;
    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* room, std::size_t count) {
        ++Seen::rooms;
        Seen::octets_left += static_cast<std::size_t>(std::count(room, room + count, 'K'));
        std::allocator<T>().deallocate(room, count);
    }
    friend bool operator==(const WatchingAllocator&, const WatchingAllocator&) { return true; }
};

template <typename Allocator>
void use() {
    Seen::rooms = Seen::octets_left = 0;
    std::basic_string<char, std::char_traits<char>, Allocator> text;
    for (int i = 0; i < 1000; ++i)
        text.append("KKKKKKKKKK");
    auto other = text;
    other = std::move(text);
}

TEST(SecretText, IsCleansedWhereverItStood) {
    use<CleansingAllocator<char, WatchingAllocator<char>>>();
    EXPECT_GT(Seen::rooms, 3u);
    EXPECT_EQ(Seen::octets_left, 0u);
    use<WatchingAllocator<char>>();
    EXPECT_GT(Seen::octets_left, 10'000u) << "and without cleansing it is seen";
}

}  // namespace
}  // namespace ringmx::tls
