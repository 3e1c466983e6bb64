#include "recipients/answer_cache.hpp"

#include <algorithm>
#include <bit>

#include "policy/string_set.hpp"

namespace ringmx::recipients {

AnswerCache::AnswerCache(std::size_t entries) {
    if (entries == 0) return;
    const std::size_t sets = std::bit_ceil((entries + kWays - 1) / kWays);
    places_.resize(sets * kWays);
    mask_ = sets - 1;
}

std::optional<bool> AnswerCache::find(std::string_view key, std::int64_t now_ns) const {
    if (places_.empty() || key.size() > key_octets_max) return std::nullopt;
    const std::uint64_t hash = policy::StringSet::hash_of(key);
    const std::size_t set = set_of(hash);
    for (std::size_t i = set; i < set + kWays; ++i) {
        const Place& place = places_[i];
        if (place.hash == hash && place.until_ns > now_ns &&
            std::string_view(place.key.data(), place.octets) == key) {
            return place.exists;
        }
    }
    return std::nullopt;
}

void AnswerCache::keep(std::string_view key, bool exists, std::int64_t until_ns, std::int64_t now_ns) {
    if (places_.empty() || key.size() > key_octets_max || until_ns <= now_ns) return;
    const std::uint64_t hash = policy::StringSet::hash_of(key);
    const std::size_t set = set_of(hash);
    std::size_t at = set;
    for (std::size_t i = set; i < set + kWays; ++i) {
        const Place& place = places_[i];
        if (place.until_ns != 0 && place.hash == hash &&
            std::string_view(place.key.data(), place.octets) == key) {
            at = i;
            break;
        }
        if (place.until_ns < places_[at].until_ns) at = i;
    }
    Place& place = places_[at];
    place.until_ns = until_ns;
    place.hash = hash;
    place.exists = exists;
    place.octets = static_cast<std::uint8_t>(key.size());
    std::copy(key.begin(), key.end(), place.key.data());
}

void AnswerCache::clear() {
    for (Place& place : places_)
        place.until_ns = 0;
}

}  // namespace ringmx::recipients
