// What is known at RCPT, kept while the configuration's look-up of the recipient takes its time: the
// program's callback is asked after it.
#pragma once

#include <cstdint>
#include <string>

#include "policy/policy.hpp"

namespace ringmx::embed {

class WaitingRecipient {
 public:
    WaitingRecipient(const policy::Ticket& ticket, const policy::ClientFacts& client,
                     const policy::MailFacts& mail, const policy::RecipientFacts& recipient)
        : ticket_(ticket),
          client_(client),
          mail_(mail),
          recipient_(recipient),
          texts_{std::string(client.name),
                 std::string(client.tls_version),
                 std::string(client.tls_cipher),
                 std::string(client.tls_client_sha256),
                 std::string(client.tls_client_subject),
                 std::string(mail.reverse_path),
                 std::string(mail.domain),
                 std::string(recipient.forward_path),
                 std::string(recipient.local_part),
                 std::string(recipient.domain)} {}

    bool is_of(const policy::Ticket& ticket) const {
        return ticket.generation == ticket_.generation && ticket.sequence == ticket_.sequence;
    }
    // Views of this object.
    policy::ClientFacts client() const {
        policy::ClientFacts facts = client_;
        facts.name = texts_[0];
        facts.tls_version = texts_[1];
        facts.tls_cipher = texts_[2];
        facts.tls_client_sha256 = texts_[3];
        facts.tls_client_subject = texts_[4];
        return facts;
    }
    policy::MailFacts mail() const {
        policy::MailFacts facts = mail_;
        facts.reverse_path = texts_[5];
        facts.domain = texts_[6];
        return facts;
    }
    policy::RecipientFacts recipient() const {
        return {texts_[7], texts_[8], texts_[9], recipient_.accepted_before};
    }

 private:
    policy::Ticket ticket_;
    policy::ClientFacts client_;  // of these three, what is no text
    policy::MailFacts mail_;
    policy::RecipientFacts recipient_;
    std::string texts_[10];
};

}  // namespace ringmx::embed
