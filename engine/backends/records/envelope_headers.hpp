// The headers of a record: their names, and the envelope written into them.
#pragma once

#include <string>
#include <string_view>

#include "record.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::records {

// Of every record.
constexpr std::string_view header_id = "Ringmx-Id";
constexpr std::string_view header_unit = "Ringmx-Unit";
constexpr std::string_view header_octets = "Ringmx-Octets";
constexpr std::string_view header_crc32c = "Ringmx-Crc32c";
// Of every record of a unit that was cut into chunks.
constexpr std::string_view header_chunk = "Ringmx-Chunk";                // NUMBER/COUNT, from 1
constexpr std::string_view header_chunk_octets = "Ringmx-Chunk-Octets";  // of all but the last
// Of a unit's first record.
constexpr std::string_view header_mail_from = "Ringmx-Mail-From";
constexpr std::string_view header_rcpt_to = "Ringmx-Rcpt-To";  // one for each recipient
constexpr std::string_view header_received = "Ringmx-Received";
constexpr std::string_view header_client = "Ringmx-Client";
constexpr std::string_view header_helo = "Ringmx-Helo";
constexpr std::string_view header_tls = "Ringmx-Tls";

// `<forward-path>` and, as in RCPT, NOTIFY and ORCPT; every word percent_encode()d.
std::string recipient_value(const plugin::Recipient& recipient);

// All but the recipients.
Headers envelope_headers(const plugin::Message& message);

}  // namespace ringmx::records
