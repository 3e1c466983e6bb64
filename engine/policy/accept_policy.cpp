#include "policy/accept_policy.hpp"

#include <utility>

#include "policy/mailbox_text.hpp"

namespace ringmx::policy {

namespace {

constexpr Reply kForeignDomain{
    550, {5, 7, 1}, "Relaying denied: this server does not receive mail for that domain"};
constexpr Reply kUnknownRecipient{550, {5, 1, 1}, "No such recipient here"};
// RFC 3463 §3.5: "directory server failure".
constexpr Reply kUnavailable{451, {4, 4, 3}, "Recipients cannot be looked up now, try again later"};
constexpr std::string_view kPostmaster = "postmaster";

}  // namespace

Decision decide(Found found) {
    switch (found) {
        case Found::yes:
            return Decision::accept();
        case Found::later:
            return Decision::later();
        case Found::unavailable:
            return Decision::reject(kUnavailable);
        case Found::no:
            break;
    }
    return Decision::reject(kUnknownRecipient);
}

RecipientKey key_of(std::string_view local_part, std::string_view domain, std::string_view delimiters) {
    RecipientKey key{local_part, {}, domain};
    const std::size_t delimiter = local_part.find_first_of(delimiters);
    if (delimiter != std::string_view::npos) key.base = local_part.substr(0, delimiter);
    return key;
}

AcceptPolicy::AcceptPolicy(std::shared_ptr<const AcceptedDomains> domains,
                           std::unique_ptr<RecipientLookup> lookup, std::string delimiters)
    : domains_(std::move(domains)), lookup_(std::move(lookup)), delimiters_(std::move(delimiters)) {}

void AcceptPolicy::attach(Answers& answers) {
    if (lookup_) lookup_->attach(answers);
}

void AcceptPolicy::collect() {
    if (lookup_) lookup_->collect();
}

void AcceptPolicy::detach() {
    if (lookup_) lookup_->detach();
}

Decision AcceptPolicy::on_recipient(Ticket ticket, const ClientFacts&, const MailFacts&,
                                    const RecipientFacts& recipient) {
    if (recipient.domain.empty())
        return Decision::accept();  // <postmaster>: the grammar lets no other one pass
    ShortText domain;
    if (!append_domain(domain, recipient.domain) || !domains_->accepts_canonical(domain.view()))
        return Decision::reject(kForeignDomain);
    if (!lookup_) return Decision::accept();

    ShortText local_part;
    if (!append_local_part(local_part, recipient.local_part)) local_part.truncate(0);
    if (local_part.view() == kPostmaster) return Decision::accept();
    return decide(lookup_->find(ticket, key_of(local_part.view(), domain.view(), delimiters_)));
}

}  // namespace ringmx::policy
