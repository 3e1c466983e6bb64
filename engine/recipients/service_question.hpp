// What a core asks a service about one recipient: up to three keys, of which the first that exists decides.
// The same object comes back with what the service has said.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/limits.hpp"
#include "policy/mailbox_text.hpp"
#include "policy/recipient_lookup.hpp"

namespace ringmx::recipients {

struct ServiceQuestion {
    enum Key : std::uint8_t { address, base, domain, keys };  // in the order in which they are asked
    enum class Said : std::uint8_t { nothing, no, yes };

    policy::Ticket ticket;
    std::int64_t deadline_ns = 0;  // monotonic
    std::array<Said, keys> said{};
    std::array<bool, keys> fresh{};  // said by the service now, not remembered from before
    std::uint64_t generation = 0;    // of the service's, when it was asked
    bool unavailable = false;        // the service has not answered, or not with yes or no
    bool tried = false;              // once, on a connection that ended
    std::uint16_t octets = 0;
    std::uint16_t local_octets = 0;
    std::uint16_t base_octets = 0;
    std::array<char, limits::recipient_question_octets_max> text;  // "local@domain"

    // `whole_domains`: whether the service is asked for "@domain", too.
    static ServiceQuestion of(const policy::Ticket& ticket, const policy::RecipientKey& key,
                              bool whole_domains);

    // A view of this object's text, or of `room`.
    std::string_view key(Key which, policy::ShortText& room) const;
    // The two sides of that key; views of this object's text.
    std::string_view local_part(Key which) const;
    std::string_view domain_name() const;
    // The first key that nothing was said of; nothing: the answer is known.
    std::optional<Key> open_key() const;
    void say(Key which, bool exists) {
        said[which] = exists ? Said::yes : Said::no;
        fresh[which] = true;
    }
    policy::Found found() const;  // when no key is open, or it is unavailable
};

}  // namespace ringmx::recipients
