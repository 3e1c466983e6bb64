// What an HTTP status means for a message: 2xx stored; 5xx, 3xx and everything unknown retry; 4xx as
// configured, but those that speak of the client's access or of load (401, 403, 404, 407, 408, 421, 425, 429)
// are retry unless named.
#pragma once

#include <algorithm>
#include <vector>

#include "ringmx/backend.h"

namespace ringmx::http {

struct AnswerRules {
    bool reject_4xx = false;
    std::vector<long> reject_on;  // before everything else, 300 to 599
    std::vector<long> retry_on;   // before reject_4xx, 300 to 599

    ringmx_status of(long status) const {
        static constexpr long about_the_client[] = {401, 403, 404, 407, 408, 421, 425, 429};
        const auto among = [status](const auto& list) {
            return std::find(std::begin(list), std::end(list), status) != std::end(list);
        };
        if (status >= 200 && status < 300) return RINGMX_STORED;
        if (among(reject_on)) return RINGMX_REJECT;
        if (status < 400 || status > 499 || among(retry_on) || !reject_4xx) return RINGMX_RETRY;
        return among(about_the_client) ? RINGMX_RETRY : RINGMX_REJECT;
    }
};

}  // namespace ringmx::http
