#include "policy/accepted_domains.hpp"

#include <cerrno>

#include "policy/mailbox_text.hpp"

namespace ringmx::policy {

namespace {

constexpr std::string_view kEveryDomain = "*";

static_assert(ShortText::octets_max <= StringSet::entry_octets_max);

}  // namespace

Result<std::shared_ptr<const AcceptedDomains>> AcceptedDomains::load(
    const std::vector<std::string>& domains) {
    const std::shared_ptr<AcceptedDomains> loaded(new AcceptedDomains());
    for (const std::string& domain : domains) {
        if (domain == kEveryDomain) {
            loaded->every_ = true;
            continue;
        }
        const std::string_view problem = domain_problem(domain);
        if (!problem.empty())
            return Error{EINVAL, "accepted domain \"" + domain + "\": " + std::string(problem)};
        ShortText key;
        if (!append_domain(key, domain) || !loaded->set_.add(key.view()))
            return Error{EINVAL, "accepted domain \"" + domain + "\": too many domains"};
    }
    loaded->set_.build();
    return std::shared_ptr<const AcceptedDomains>(loaded);
}

bool AcceptedDomains::accepts(std::string_view domain) const {
    ShortText key;
    return append_domain(key, domain) && accepts_canonical(key.view());
}

}  // namespace ringmx::policy
