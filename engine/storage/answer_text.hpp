// The text of an answer, kept with its message until its core has used it.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "message/message.hpp"

namespace ringmx::storage {

// Between commit and message_done the unused memory of a message's chunks is the backend's, and afterwards
// nobody's. The headroom of the first chunk is always there; the room behind the last one's payload may be
// larger. Cuts what does not fit.
inline std::string_view keep_text(Message& message, std::string_view text) {
    if (text.empty() || message.first == nullptr) return {};
    const MutableBytes head = message.first->headroom();
    const MutableBytes tail = message.last->room();
    const MutableBytes place = tail.size() > head.size() ? tail : head;
    const std::size_t octets = std::min(text.size(), place.size());
    std::memcpy(place.data(), text.data(), octets);
    return {reinterpret_cast<const char*>(place.data()), octets};
}

}  // namespace ringmx::storage
