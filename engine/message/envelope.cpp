#include "message/envelope.hpp"

#include <limits>

#include "base/assert.hpp"

namespace ringmx {

namespace {

constexpr std::size_t kClientBytes = 20;
constexpr std::size_t kClientAddressAt = 4;
constexpr std::uint8_t kFamilyIpv4 = 4;
constexpr std::uint8_t kFamilyIpv6 = 6;
constexpr std::uint8_t kFieldFirst = static_cast<std::uint8_t>(EnvelopeField::client);
constexpr std::uint8_t kFieldLast = static_cast<std::uint8_t>(EnvelopeField::tls_client_problem);

std::uint8_t byte_at(Bytes bytes, std::size_t at) {
    return std::to_integer<std::uint8_t>(bytes[at]);
}

}  // namespace

std::size_t append_envelope_record(MutableBytes out, EnvelopeField field, Bytes value) {
    const std::size_t total = kEnvelopeRecordHeader + value.size();
    if (value.size() > std::numeric_limits<std::uint16_t>::max() || total > out.size()) return 0;
    out[0] = static_cast<std::byte>(field);
    out[1] = std::byte{0};
    store_le(out.data() + 2, static_cast<std::uint16_t>(value.size()));
    if (!value.empty()) std::memcpy(out.data() + kEnvelopeRecordHeader, value.data(), value.size());
    return total;
}

std::optional<EnvelopeRecord> EnvelopeReader::next() {
    while (!rest_.empty()) {
        const std::size_t length =
            rest_.size() < kEnvelopeRecordHeader ? 0 : load_le<std::uint16_t>(rest_.data() + 2);
        // Type 0 is never written: zeroed memory is not an envelope.
        if (rest_.size() < kEnvelopeRecordHeader + length || byte_at(rest_, 0) == 0 ||
            byte_at(rest_, 1) != 0) {
            malformed_ = true;
            rest_ = {};
            return std::nullopt;
        }
        const std::uint8_t type = byte_at(rest_, 0);
        const Bytes value = rest_.subspan(kEnvelopeRecordHeader, length);
        rest_ = rest_.subspan(kEnvelopeRecordHeader + length);
        if (type >= kFieldFirst && type <= kFieldLast)
            return EnvelopeRecord{static_cast<EnvelopeField>(type), value};
    }
    return std::nullopt;
}

std::optional<Bytes> find_envelope_field(Bytes envelope, EnvelopeField field) {
    EnvelopeReader reader(envelope);
    while (const auto record = reader.next()) {
        if (record->field == field) return record->value;
    }
    return std::nullopt;
}

void encode_client(MutableBytes out20, const PeerAddress& peer) {
    RMX_ASSERT(out20.size() >= kClientBytes);
    std::uint8_t family = 0;  // no address; not decoded
    if (peer.family == PeerAddress::Family::ipv4) family = kFamilyIpv4;
    if (peer.family == PeerAddress::Family::ipv6) family = kFamilyIpv6;
    out20[0] = std::byte{family};
    out20[1] = std::byte{0};
    store_le(out20.data() + 2, peer.port);
    std::memcpy(out20.data() + kClientAddressAt, peer.bytes.data(), peer.bytes.size());
}

std::optional<PeerAddress> decode_client(Bytes value) {
    if (value.size() != kClientBytes || byte_at(value, 1) != 0) return std::nullopt;
    PeerAddress peer;
    switch (byte_at(value, 0)) {
        case kFamilyIpv4:
            peer.family = PeerAddress::Family::ipv4;
            break;
        case kFamilyIpv6:
            peer.family = PeerAddress::Family::ipv6;
            break;
        default:
            return std::nullopt;
    }
    peer.port = load_le<std::uint16_t>(value.data() + 2);
    const std::size_t address_bytes = peer.family == PeerAddress::Family::ipv4 ? 4 : 16;
    std::memcpy(peer.bytes.data(), value.data() + kClientAddressAt, address_bytes);
    return peer;
}

}  // namespace ringmx
