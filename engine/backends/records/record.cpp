#include "record.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "crc32c.hpp"
#include "envelope_headers.hpp"

namespace ringmx::records {
namespace {

std::size_t octets_of(const Headers& headers) {
    std::size_t octets = 0;
    for (const auto& [name, value] : headers)
        octets += name.size() + value.size() + 4;  // ": " and CR LF
    return octets;
}

// A unit while its recipients are gathered.
struct Group {
    std::string destination;
    std::string domain;
    Headers recipients;
    std::size_t octets = 0;
    std::uint32_t number = 0;  // of those with this destination
};

// The group that a recipient joins: the last one of its destination, if there is room.
Group& group_for(std::vector<Group>& groups, std::string destination, std::string_view domain,
                 std::size_t octets) {
    const auto last = std::find_if(groups.rbegin(), groups.rend(), [&destination](const Group& group) {
        return group.destination == destination;
    });
    if (last != groups.rend() && last->octets + octets <= recipients_octets_max) return *last;
    const std::uint32_t number = last == groups.rend() ? 0 : last->number + 1;
    groups.push_back({std::move(destination), domain_token(domain), {}, 0, number});
    return groups.back();
}

std::string unit_id(const Plan& plan, const Group& group, std::size_t groups) {
    if (groups == 1) return plan.message_id;
    std::string id = plan.message_id + "/" + group.destination;
    if (group.number > 0) id += "/" + std::to_string(group.number);
    return id;
}

std::string hex32(std::uint32_t value) {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08x", value);
    return text.data();
}

}  // namespace

std::optional<Plan> plan(const plugin::Message& message, const Destination& destination,
                         std::uint64_t record_octets_max, std::string& why) {
    Plan made;
    made.message_id = message.id();
    made.octets = message.octets();

    std::vector<Group> groups;
    for (std::uint32_t i = 0; i < message.recipient_count(); ++i) {
        const plugin::Recipient recipient = message.recipient(i);
        auto name = destination.of(recipient.domain());
        if (!name) {
            why = "a recipient's domain is too long for " + destination.text();
            return std::nullopt;
        }
        std::string value = recipient_value(recipient);
        const std::size_t octets = value.size() + header_rcpt_to.size() + 4;
        Group& group = group_for(groups, *std::move(name), recipient.domain(), octets);
        group.octets += octets;
        group.recipients.emplace_back(header_rcpt_to, std::move(value));
    }
    const Headers common = envelope_headers(message);
    for (Group& group : groups) {
        Unit unit{unit_id(made, group, groups.size()), group.destination, group.domain, common};
        std::move(group.recipients.begin(), group.recipients.end(), std::back_inserter(unit.envelope));
        // 1024: what record_headers() adds, and the names and ids that a stream wants beside.
        if (octets_of(unit.envelope) + 4 * unit.id.size() + 1024 > headers_octets_max) {
            why = "the envelope is too large for the headers of a record";
            return std::nullopt;
        }
        made.units.push_back(std::move(unit));
    }

    made.chunk_octets = record_octets_max - headers_octets_max;
    made.chunks = 1;
    if (made.octets > made.chunk_octets)
        made.chunks = static_cast<std::uint32_t>((made.octets + made.chunk_octets - 1) / made.chunk_octets);
    for (const ringmx_bytes& span : message.spans())
        made.crc32c = crc32c(made.crc32c, plugin::view(span));
    return made;
}

Record record_at(const Plan& plan, std::size_t index) {
    Record record{};
    record.unit = &plan.units[index / plan.chunks];
    record.chunk = static_cast<std::uint32_t>(index % plan.chunks);
    record.offset = record.chunk * plan.chunk_octets;
    record.octets = std::min(plan.chunk_octets, plan.octets - record.offset);
    return record;
}

std::string record_id(const Plan& plan, const Record& record) {
    if (plan.chunks == 1) return record.unit->id;
    return record.unit->id + ":" + std::to_string(plan.chunk_octets) + ":" + std::to_string(record.chunk + 1);
}

Headers record_headers(const Plan& plan, const Record& record) {
    Headers headers;
    headers.emplace_back(header_id, plan.message_id);
    headers.emplace_back(header_unit, record.unit->id);
    headers.emplace_back(header_octets, std::to_string(plan.octets));
    headers.emplace_back(header_crc32c, hex32(plan.crc32c));
    if (plan.chunks > 1) {
        headers.emplace_back(header_chunk,
                             std::to_string(record.chunk + 1) + "/" + std::to_string(plan.chunks));
        headers.emplace_back(header_chunk_octets, std::to_string(plan.chunk_octets));
    }
    if (record.chunk == 0)
        headers.insert(headers.end(), record.unit->envelope.begin(), record.unit->envelope.end());
    return headers;
}

std::string_view content_piece(const plugin::Message& message, std::uint64_t offset, std::uint64_t octets,
                               std::string& scratch) {
    scratch.clear();
    std::uint64_t at = 0;  // where the span begins
    for (const ringmx_bytes& span : message.spans()) {
        const std::uint64_t end = at + span.size;
        if (end > offset) {
            const std::string_view rest = plugin::view(span).substr(offset - at, octets);
            if (scratch.empty() && rest.size() == octets) return rest;
            scratch.append(rest);
            offset += rest.size();
            octets -= rest.size();
        }
        if (octets == 0) break;
        at = end;
    }
    return scratch;
}

}  // namespace ringmx::records
