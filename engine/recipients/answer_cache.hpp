// What a service has said of keys, for a while: bounded, without allocation after its creation. Each key has
// its place in one of many small sets; a new one takes the place of the one of its set that ends first. Keys
// are kept in full, so that none is taken for another. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ringmx::recipients {

class AnswerCache {
 public:
    static constexpr std::size_t key_octets_max = 95;  // longer keys are not kept

    // For `entries` keys or somewhat more; 0: none are kept.
    explicit AnswerCache(std::size_t entries);

    // What was said of `key`, if that is still good.
    std::optional<bool> find(std::string_view key, std::int64_t now_ns) const;
    void keep(std::string_view key, bool exists, std::int64_t until_ns, std::int64_t now_ns);
    void clear();
    std::size_t octets() const { return places_.size() * sizeof(Place); }

 private:
    static constexpr std::size_t kWays = 4;

    struct Place {
        std::int64_t until_ns = 0;  // 0: free
        std::uint64_t hash = 0;
        bool exists = false;
        std::uint8_t octets = 0;
        std::array<char, key_octets_max> key;
    };

    std::size_t set_of(std::uint64_t hash) const { return (hash & mask_) * kWays; }

    std::vector<Place> places_;
    std::uint64_t mask_ = 0;  // of the number of a set
};

}  // namespace ringmx::recipients
