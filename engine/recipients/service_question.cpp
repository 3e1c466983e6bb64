#include "recipients/service_question.hpp"

#include <algorithm>

namespace ringmx::recipients {

ServiceQuestion ServiceQuestion::of(const policy::Ticket& ticket, const policy::RecipientKey& key,
                                    bool whole_domains) {
    ServiceQuestion question;
    question.ticket = ticket;
    std::string_view local_part = key.local_part;
    std::string_view base = key.base;
    // What is too long exists nowhere; the domain may still stand for all.
    if (local_part.size() + 1 + key.domain.size() > question.text.size()) local_part = base = {};
    if (local_part.empty()) question.said[address] = Said::no;
    if (base.empty()) question.said[ServiceQuestion::base] = Said::no;
    if (!whole_domains) question.said[domain] = Said::no;
    char* to = std::copy(local_part.begin(), local_part.end(), question.text.data());
    *to++ = '@';
    to = std::copy(key.domain.begin(), key.domain.end(), to);
    question.octets = static_cast<std::uint16_t>(to - question.text.data());
    question.local_octets = static_cast<std::uint16_t>(local_part.size());
    question.base_octets = static_cast<std::uint16_t>(base.size());
    return question;
}

std::string_view ServiceQuestion::key(Key which, policy::ShortText& room) const {
    const std::string_view whole(text.data(), octets);
    if (which == address) return whole;
    if (which == domain) return whole.substr(local_octets);
    room.truncate(0);
    room.append(whole.substr(0, base_octets));
    room.append(whole.substr(local_octets));
    return room.view();
}

std::string_view ServiceQuestion::local_part(Key which) const {
    const std::string_view whole(text.data(), octets);
    if (which == domain) return {};
    return whole.substr(0, which == address ? local_octets : base_octets);
}

std::string_view ServiceQuestion::domain_name() const {
    return std::string_view(text.data(), octets).substr(local_octets + 1);
}

std::optional<ServiceQuestion::Key> ServiceQuestion::open_key() const {
    if (std::find(said.begin(), said.end(), Said::yes) != said.end()) return std::nullopt;
    const auto* const open = std::find(said.begin(), said.end(), Said::nothing);
    if (open == said.end()) return std::nullopt;
    return static_cast<Key>(open - said.begin());
}

policy::Found ServiceQuestion::found() const {
    if (std::find(said.begin(), said.end(), Said::yes) != said.end()) return policy::Found::yes;
    return unavailable ? policy::Found::unavailable : policy::Found::no;
}

}  // namespace ringmx::recipients
