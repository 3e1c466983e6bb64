// A trace header's facts as most mail has them.
#pragma once

#include "message/envelope.hpp"
#include "message/trace.hpp"

namespace ringmx::micro {

constexpr std::string_view kForwardPath = "jane.doe@example.com";

inline TraceFacts trace_facts(DateCache& dates) {
    TraceFacts facts;
    facts.client_name = "mail-17.out.example.org";
    facts.client.family = PeerAddress::Family::ipv4;
    facts.client.bytes = {192, 0, 2, 7};
    facts.hostname = "mx1.example.com";
    facts.recipient = kForwardPath;
    facts.flags = envelope_flags::esmtp;
    facts.date = dates.format(1'795'449'930'000'000);
    return facts;
}

}  // namespace ringmx::micro
