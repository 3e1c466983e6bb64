// What a core writes into its log ring: one record for each transaction, one for each rule that was broken,
// one for each sender or recipient that was refused, and the beginning of any other. The core's thread.
#pragma once

#include <string_view>

#include "admin/log_record.hpp"
#include "base/reply.hpp"
#include "message/message.hpp"

namespace ringmx::server {

class Core;

// `with_storage`: storage still has the message; of what it may write nothing is read.
void log_transaction(Core& core, const Message& message, const admin::LogClient& client,
                     admin::TransactionEnd end, const Reply& reply, bool with_storage = false);
// A message that came back from storage as stored when its client had left or been told 451.
void log_stored_late(Core& core, const Message& message);
// A record of the core's, or about a client, for its event's own members to be added. `event` is static.
admin::EventRecord event_record(const Core& core, std::string_view event);
admin::EventRecord event_record(const Core& core, std::string_view event, const admin::LogClient& client);
// `event` is static: "violation", "sender_refused", "recipient_refused". `detail`: the rule, or the address.
void log_refusal(Core& core, std::string_view event, std::string_view detail, const admin::LogClient& client,
                 const Reply& reply);

}  // namespace ringmx::server
