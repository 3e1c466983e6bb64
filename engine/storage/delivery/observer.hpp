// What a delivery and a fallback have to say to the operator; the server turns it into log lines.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringmx::storage::delivery {

enum class Severity : std::uint8_t { info, warning, error };

class Observer {
 public:
    virtual ~Observer() = default;
    // `event`: a short name (docs/operations.md); `id`: of the message concerned, or empty. Any thread.
    virtual void event(Severity severity, std::string_view event, std::string_view text,
                       std::string_view id) = 0;
};

}  // namespace ringmx::storage::delivery
