#include "lmtp/verdict.hpp"

namespace ringmx::lmtp {

Verdict verdict(std::span<const RecipientResult> results) {
    Verdict all;
    const RecipientResult* first_deferred = nullptr;
    const RecipientResult* first_refused = nullptr;
    for (const RecipientResult& result : results) {
        switch (result.outcome) {
            case Outcome::deferred:
                if (all.deferred++ == 0) first_deferred = &result;
                break;
            case Outcome::delivered:
                ++all.delivered;
                break;
            case Outcome::refused:
                if (all.refused++ == 0) first_refused = &result;
                break;
        }
    }
    if (first_deferred != nullptr) {
        all.status = RINGMX_RETRY;
        all.text = first_deferred->text;
    } else if (all.delivered > 0) {
        all.status = RINGMX_STORED;
    } else {
        all.status = RINGMX_REJECT;
        if (first_refused != nullptr) all.text = first_refused->text;
    }
    return all;
}

}  // namespace ringmx::lmtp
