// The policy of one core in a program that embeds the engine: what the configuration refuses is refused, the
// rest is for the program's callbacks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/message_id.hpp"
#include "embed/answer_port.hpp"
#include "embed/waiting_recipient.hpp"
#include "policy/policy.hpp"
#include "ringmx/engine.hpp"

namespace ringmx::embed {

class CallbackPolicy final : public policy::Policy, private policy::Answers {
 public:
    // `configured` is asked first, for recipients; it may answer later.
    CallbackPolicy(unsigned core, std::shared_ptr<const Callbacks> callbacks,
                   std::unique_ptr<policy::Policy> configured);

    void attach(policy::Answers& answers) override;
    void collect() override;
    void detach() override;

    ringmx::Decision on_connect(policy::Ticket ticket, const policy::ClientFacts& client) override;
    ringmx::Decision on_hello(policy::Ticket ticket, const policy::ClientFacts& client) override;
    ringmx::Decision on_mail(policy::Ticket ticket, const policy::ClientFacts& client,
                             const policy::MailFacts& mail) override;
    ringmx::Decision on_recipient(policy::Ticket ticket, const policy::ClientFacts& client,
                                  const policy::MailFacts& mail,
                                  const policy::RecipientFacts& recipient) override;
    ringmx::Decision on_data(policy::Ticket ticket, const policy::ClientFacts& client,
                             const ringmx::Message& message) override;
    ringmx::Decision on_end_of_data(policy::Ticket ticket, const policy::ClientFacts& client,
                                    const ringmx::Message& message) override;
    void on_disconnect(policy::Ticket ticket) override;

 private:
    // policy::Answers, of what `configured` answers later.
    void answer(policy::Ticket ticket, const ringmx::Decision& decision) override;
    void wake() override { answers_->wake(); }

    ringmx::Decision ask_about(const policy::Ticket& ticket, const policy::ClientFacts& client,
                               const policy::MailFacts& mail, const policy::RecipientFacts& recipient);
    template <typename Callback, typename... Facts>
    ringmx::Decision ask(const Callback& callback, const policy::Ticket& ticket,
                         const policy::ClientFacts& client, const Facts&... facts) noexcept;
    std::uint64_t session_of(const policy::Ticket& ticket) const;
    Transaction transaction_of(const ringmx::Message& message);

    const std::uint64_t core_;
    const std::shared_ptr<const Callbacks> callbacks_;
    const std::unique_ptr<policy::Policy> configured_;
    const std::shared_ptr<detail::AnswerPort> port_;
    policy::Answers* answers_ = nullptr;
    std::unordered_map<std::uint32_t, WaitingRecipient> waiting_;  // by slot
    std::deque<Decision> given_;  // texts of what was answered since the last collect()
    Decision last_;               // its text is what the engine prints
    // What transaction_of() gives out, until the next one.
    MessageId::Text id_{};
    std::vector<std::string_view> recipients_;
    std::vector<std::string_view> content_;
};

}  // namespace ringmx::embed
