// The built-in policy: mail is accepted for configured domains and, if a recipients file is given, for the
// addresses in it; everything else is refused at RCPT. Never a relay.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/policy.hpp"

namespace ringmx::policy {

// The accepted domains and recipients: immutable after loading, shared by all cores.
class AcceptTables {
 public:
    // `domains`: lower-cased and compared without case; "*" accepts every domain (for sinks and benchmarks);
    // an address literal "[192.0.2.1]" only if listed. A domain with non-ASCII characters is matched as
    // UTF-8, caseless for ASCII letters only.
    static Result<std::shared_ptr<const AcceptTables>> load(const std::vector<std::string>& domains,
                                                            const std::string& recipients_file);

    bool accepts_domain(std::string_view domain) const;
    bool has_recipients() const;
    // Local part compared without case, quotes removed; "+tag" sub-addresses match their base address.
    bool accepts_recipient(std::string_view local_part, std::string_view domain) const;
    std::size_t recipient_count() const;
    ~AcceptTables();

 private:
    AcceptTables();
    struct State;
    std::unique_ptr<State> state_;
};

// 550 5.7.1 for a foreign domain, 550 5.1.1 for an unknown recipient. <postmaster> is always accepted
// (RFC 5321 §4.5.1), and so is postmaster@ an accepted domain.
class AcceptPolicy final : public Policy {
 public:
    explicit AcceptPolicy(std::shared_ptr<const AcceptTables> tables);
    Decision on_recipient(Ticket, const ClientFacts&, const MailFacts&, const RecipientFacts&) override;

 private:
    std::shared_ptr<const AcceptTables> tables_;
};

}  // namespace ringmx::policy
