#include "policy/string_set.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/hash.hpp"

namespace ringmx::policy {

namespace {

constexpr std::size_t kLengthOctets = 2;
constexpr std::size_t kTableMin = 8;

constexpr std::uint32_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

std::uint64_t StringSet::hash_of(std::string_view text) {
    return hash_text(0, text);
}

std::string_view StringSet::text_at(std::size_t position) const {
    const std::size_t length = load_le<std::uint16_t>(texts_.data() + position);
    return std::string_view(texts_).substr(position + kLengthOctets, length);
}

bool StringSet::add(std::string_view entry) {
    RMX_ASSERT(table_.empty() && entry.size() <= entry_octets_max);
    const std::size_t room = std::numeric_limits<std::uint32_t>::max() - texts_.size();
    if (room <= kLengthOctets + entry.size()) return false;
    char length[kLengthOctets];
    store_le(length, static_cast<std::uint16_t>(entry.size()));
    texts_.append(length, sizeof length);
    texts_.append(entry);
    ++added_;
    return true;
}

std::size_t StringSet::find_slot(std::string_view entry, std::uint64_t hash) const {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
        const Slot& slot = table_[at];
        if (slot.position == 0) return at;
        if (slot.tag == tag_of(hash) && text_at(slot.position - 1) == entry) return at;
    }
}

void StringSet::build() {
    RMX_ASSERT(table_.empty());
    texts_.shrink_to_fit();
    table_.assign(std::bit_ceil(std::max(kTableMin, added_ + added_ / 2)), Slot{});
    for (std::size_t at = 0; at < texts_.size();) {
        const std::string_view entry = text_at(at);
        const std::uint64_t hash = hash_of(entry);
        Slot& slot = table_[find_slot(entry, hash)];
        if (slot.position == 0) {
            slot = Slot{tag_of(hash), static_cast<std::uint32_t>(at + 1)};
            ++size_;
        }
        at += kLengthOctets + entry.size();
    }
}

bool StringSet::contains(std::string_view entry) const {
    if (size_ == 0) return false;
    return table_[find_slot(entry, hash_of(entry))].position != 0;
}

}  // namespace ringmx::policy
