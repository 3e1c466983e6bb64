// When a sender wants to be told of a recipient's delivery: the words of NOTIFY (RFC 3461 §4.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ringmx/backend.h"

namespace ringmx::backends {

inline std::string notify_words(std::uint32_t notify, char between) {
    static constexpr std::pair<std::uint32_t, std::string_view> words[] = {{RINGMX_NOTIFY_NEVER, "NEVER"},
                                                                           {RINGMX_NOTIFY_SUCCESS, "SUCCESS"},
                                                                           {RINGMX_NOTIFY_FAILURE, "FAILURE"},
                                                                           {RINGMX_NOTIFY_DELAY, "DELAY"}};
    std::string text;
    for (const auto& [bit, word] : words) {
        if ((notify & bit) == 0) continue;
        if (!text.empty()) text += between;
        text += word;
    }
    return text;
}

}  // namespace ringmx::backends
