// The built-in policy: mail is accepted for configured domains and, if there is something to look recipients
// up in, for those that exist; everything else is refused at RCPT. Never a relay.
#pragma once

#include <memory>
#include <string>

#include "policy/accepted_domains.hpp"
#include "policy/policy.hpp"
#include "policy/recipient_lookup.hpp"

namespace ringmx::policy {

// 550 5.7.1 for a foreign domain, 550 5.1.1 for an unknown recipient. <postmaster> is always accepted
// (RFC 5321 §4.5.1), and so is postmaster@ an accepted domain.
class AcceptPolicy final : public Policy {
 public:
    // `lookup` null: every local part exists. `delimiters`: each of these characters begins a sub-address;
    // a local part is also looked up as what stands before the first of them.
    AcceptPolicy(std::shared_ptr<const AcceptedDomains> domains, std::unique_ptr<RecipientLookup> lookup,
                 std::string delimiters = "+");

    void attach(Answers& answers) override;
    void collect() override;
    void detach() override;
    Decision on_recipient(Ticket, const ClientFacts&, const MailFacts&, const RecipientFacts&) override;

 private:
    const std::shared_ptr<const AcceptedDomains> domains_;
    const std::unique_ptr<RecipientLookup> lookup_;
    const std::string delimiters_;
};

}  // namespace ringmx::policy
