// The domains for which mail is accepted: immutable after loading, shared by all cores.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/string_set.hpp"

namespace ringmx::policy {

class AcceptedDomains {
 public:
    // Lower-cased and compared without case; "*" accepts every domain (for sinks and benchmarks); an address
    // literal "[192.0.2.1]" only if listed. A domain with non-ASCII characters is matched as UTF-8, caseless
    // for ASCII letters only.
    static Result<std::shared_ptr<const AcceptedDomains>> load(const std::vector<std::string>& domains);

    bool accepts(std::string_view domain) const;
    // The same for a domain in canonical form (append_domain()).
    bool accepts_canonical(std::string_view domain) const {
        return set_.contains(domain) || (every_ && !domain.empty() && domain.front() != '[');
    }

 private:
    AcceptedDomains() = default;

    StringSet set_;
    bool every_ = false;
};

}  // namespace ringmx::policy
