// What a message looks like in a stream: one or more records, each with headers and a piece of the content.
// docs/backends.md specifies it; JetStream and Kafka share it.
//
// A message is published once for each destination (subject or topic) that its recipients' domains give, and
// once more for every further 24 KiB of recipients: each of these is a unit. A unit whose content does not
// fit a record is cut into chunks, all of `chunk_octets` but the last. The id of a record depends on nothing
// but the message, its destination and that size: a message that is submitted again gives the same records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "destination.hpp"
#include "ringmx/backend.hpp"

namespace ringmx::records {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Room that is kept for the headers of a record, out of what a record may hold.
constexpr std::size_t headers_octets_max = 65000;  // the NATS server takes no more than 65535
constexpr std::size_t recipients_octets_max = 24576;
constexpr std::size_t record_octets_min = 2 * headers_octets_max;  // least a record must be able to hold

struct Unit {
    std::string id;
    std::string destination;
    std::string domain;  // of its first recipient, as a token
    Headers envelope;    // headers of its first record
};

struct Plan {
    std::string message_id;
    std::vector<Unit> units;
    std::uint64_t octets = 0;        // of the content
    std::uint64_t chunk_octets = 0;  // of a record's content, but the last's
    std::uint32_t chunks = 0;        // of each unit, at least 1
    std::uint32_t crc32c = 0;        // of the content

    std::size_t records() const { return units.size() * chunks; }
};

// How to publish `message` in records of at most `record_octets_max` with their headers. Nothing, and a
// sentence in `why`: it can never be published.
std::optional<Plan> plan(const plugin::Message& message, const Destination& destination,
                         std::uint64_t record_octets_max, std::string& why);

// Record `index` of a plan: chunk index % chunks of unit index / chunks.
struct Record {
    const Unit* unit;
    std::uint32_t chunk;
    std::uint64_t offset;
    std::uint64_t octets;
};
Record record_at(const Plan& plan, std::size_t index);
std::string record_id(const Plan& plan, const Record& record);
Headers record_headers(const Plan& plan, const Record& record);

// The octets [offset, offset + octets) of the content: a view of the message's own memory if they are in one
// piece there, else of `scratch`, into which they are copied.
std::string_view content_piece(const plugin::Message& message, std::uint64_t offset, std::uint64_t octets,
                               std::string& scratch);

// Visible ASCII without '%', '<' and '>' as it is, any other octet as '%' and two hexadecimal digits.
std::string percent_encode(std::string_view text);

}  // namespace ringmx::records
