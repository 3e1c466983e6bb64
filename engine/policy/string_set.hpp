// An immutable set of strings for millions of entries: one blob of texts and an open-addressing table of
// positions in it. About 8 to 22 octets for each entry besides its text. Lookups do not allocate and are safe
// on any thread once built.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringmx::policy {

class StringSet {
 public:
    static constexpr std::size_t entry_octets_max = 65535;

    // Before build(): keeps a copy of `entry` (duplicates are dropped in build()). False when the set is
    // full: its texts would pass 4 GiB. At most entry_octets_max octets.
    bool add(std::string_view entry);
    // Ends adding; lookups may begin.
    void build();

    bool contains(std::string_view entry) const;
    std::size_t size() const { return size_; }

    // The hash by which entries are found: 32 bits stand in the table, some of the others choose the place.
    static std::uint64_t hash_of(std::string_view text);

 private:
    // Where an entry begins in texts_, plus one (0: empty), beside 32 bits of its hash.
    struct Slot {
        std::uint32_t tag;
        std::uint32_t position;
    };

    std::string_view text_at(std::size_t position) const;
    // The slot of `entry`, or the empty one where it would go. The table is never full.
    std::size_t find_slot(std::string_view entry, std::uint64_t hash) const;

    std::string texts_;  // u16 length and text, one entry behind the other
    std::vector<Slot> table_;
    std::size_t added_ = 0;
    std::size_t size_ = 0;
};

}  // namespace ringmx::policy
