// Version 2: a signature, four octets, addresses, and type-length-value triples (proxy-protocol.txt, 2.2).
// Numbers are in network order. Types that are not known are skipped.
#include <algorithm>
#include <optional>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "proxy/wire.hpp"
#include "scan/data_scan.hpp"

namespace ringmx::proxy {

namespace {

constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;
constexpr unsigned kVersion2 = 2;
constexpr unsigned kCommandLocal = 0;
constexpr unsigned kCommandMost = 1;  // PROXY
constexpr unsigned kFamilyInet = 1;
constexpr unsigned kFamilyInet6 = 2;
constexpr unsigned kFamilyUnix = 3;
constexpr unsigned kFamilyMost = kFamilyUnix;
constexpr unsigned kTransportStream = 1;
constexpr unsigned kTransportMost = 2;  // datagrams
constexpr std::size_t kTlvHeadOctets = 3;
constexpr std::size_t kChecksumOctets = 4;

// PP2_TYPE_*, and PP2_SUBTYPE_SSL_* within PP2_TYPE_SSL.
constexpr unsigned kTypeAuthority = 0x02;
constexpr unsigned kTypeCrc32c = 0x03;
constexpr unsigned kTypeUniqueId = 0x05;
constexpr unsigned kTypeSsl = 0x20;
constexpr unsigned kSubtypeVersion = 0x21;
constexpr unsigned kSubtypeCommonName = 0x22;
constexpr unsigned kSubtypeCipher = 0x23;

// PP2_TYPE_SSL: flags of the client (one octet), then whether its certificate failed (four octets, 0: good).
constexpr std::size_t kSslHeadOctets = 5;
constexpr unsigned kClientSsl = 1;
constexpr unsigned kClientCertificate = 2 | 4;  // over this connection, or in this session

unsigned octet_at(Bytes bytes, std::size_t at) {
    return std::to_integer<unsigned>(bytes[at]);
}
unsigned u16_at(Bytes bytes, std::size_t at) {
    return octet_at(bytes, at) << 8 | octet_at(bytes, at + 1);
}
std::uint32_t u32_at(Bytes bytes, std::size_t at) {
    return u16_at(bytes, at) << 16 | u16_at(bytes, at + 2);
}

std::string_view text_of(Bytes value, std::size_t octets_max) {
    return value.size() <= octets_max ? as_text(value) : std::string_view{};
}

// Calls take(type, value) for each; false: the octets do not add up, or take() said so.
template <typename Take>
bool for_each_tlv(Bytes rest, Take&& take) {
    while (!rest.empty()) {
        if (rest.size() < kTlvHeadOctets) return false;
        const unsigned type = octet_at(rest, 0);
        const std::size_t octets = u16_at(rest, 1);
        rest = rest.subspan(kTlvHeadOctets);
        if (rest.size() < octets || !take(type, rest.first(octets))) return false;
        rest = rest.subspan(octets);
    }
    return true;
}

bool parse_ssl(Bytes value, TlsFacts& tls) {
    if (value.size() < kSslHeadOctets) return false;
    const unsigned client = octet_at(value, 0);
    tls.active = (client & kClientSsl) != 0;
    tls.client_verified = (client & kClientCertificate) != 0 && u32_at(value, 1) == 0;
    return for_each_tlv(value.subspan(kSslHeadOctets), [&tls](unsigned type, Bytes text) {
        if (type == kSubtypeVersion) tls.version = text_of(text, limits::proxy_tls_text_octets_max);
        if (type == kSubtypeCipher) tls.cipher = text_of(text, limits::proxy_tls_text_octets_max);
        if (type == kSubtypeCommonName) tls.client_name = text_of(text, limits::proxy_text_octets_max);
        return true;
    });
}

struct Tlvs {
    bool well_formed = false;
    std::optional<std::size_t> checksum_at;  // in the header
};

Tlvs parse_tlvs(Bytes header_octets, std::size_t at, Header& header) {
    Tlvs result;
    const auto take = [&](unsigned type, Bytes value) {
        switch (type) {
            case kTypeAuthority:
                header.authority = text_of(value, limits::proxy_text_octets_max);
                return true;
            case kTypeUniqueId:
                header.unique_id = text_of(value, limits::proxy_unique_id_octets_max);
                return true;
            case kTypeCrc32c:
                if (value.size() != kChecksumOctets || result.checksum_at) return false;
                result.checksum_at = static_cast<std::size_t>(value.data() - header_octets.data());
                return true;
            case kTypeSsl:
                return parse_ssl(value, header.tls);
            default:
                return true;
        }
    };
    result.well_formed = for_each_tlv(header_octets.subspan(at), take);
    return result;
}

bool checksum_is_good(MutableBytes octets, std::size_t at) {
    const std::uint32_t told = u32_at(octets, at);
    std::fill_n(octets.begin() + static_cast<std::ptrdiff_t>(at), kChecksumOctets, std::byte{0});
    return scan::crc32c(0, octets) == told;
}

std::size_t address_octets(unsigned family) {
    constexpr std::size_t ports = 4;
    switch (family) {
        case kFamilyInet:
            return 2 * 4 + ports;
        case kFamilyInet6:
            return 2 * 16 + ports;
        case kFamilyUnix:
            return 2 * 108;
        default:
            return 0;
    }
}

void take_addresses(Bytes block, std::size_t octets, Header& header) {
    header.client =
        PeerAddress::from_octets(block.first(octets), static_cast<std::uint16_t>(u16_at(block, 2 * octets)));
    header.destination = PeerAddress::from_octets(block.subspan(octets, octets),
                                                  static_cast<std::uint16_t>(u16_at(block, 2 * octets + 2)));
}

}  // namespace

Failure parse_binary_head(Bytes head, std::size_t& octets) {
    RMX_ASSERT(head.size() == kBinaryHeadOctets);
    const unsigned command = octet_at(head, kCommandAt);
    const unsigned family = octet_at(head, kFamilyAt);
    if (command >> 4 != kVersion2 || (command & 15) > kCommandMost) return Failure::malformed;
    const bool local = (command & 15) == kCommandLocal;
    if (!local && (family >> 4 > kFamilyMost || (family & 15) > kTransportMost)) return Failure::malformed;
    octets = kBinaryHeadOctets + u16_at(head, kLengthAt);
    return octets > limits::proxy_header_v2_octets_max ? Failure::too_long : Failure::none;
}

Failure parse_binary_header(MutableBytes octets, Header& header) {
    header.version = 2;
    const unsigned command = octet_at(octets, kCommandAt) & 15;
    const unsigned family = octet_at(octets, kFamilyAt) >> 4;
    const unsigned transport = octet_at(octets, kFamilyAt) & 15;
    const Bytes block = octets.subspan(kBinaryHeadOctets);
    // Of these the block is to be skipped, and the addresses in it may be of any form: only a checksum that
    // is found where TLVs would begin without them counts.
    if (command == kCommandLocal || family == 0 || transport == 0) {
        Header ignored;
        const Tlvs tlvs = parse_tlvs(octets, kBinaryHeadOctets, ignored);
        const bool good =
            !tlvs.well_formed || !tlvs.checksum_at || checksum_is_good(octets, *tlvs.checksum_at);
        return good ? Failure::none : Failure::checksum;
    }
    const std::size_t addresses = address_octets(family);
    if (block.size() < addresses) return Failure::malformed;
    const Tlvs tlvs = parse_tlvs(octets, kBinaryHeadOctets + addresses, header);
    if (!tlvs.well_formed) return Failure::malformed;
    if (tlvs.checksum_at && !checksum_is_good(octets, *tlvs.checksum_at)) return Failure::checksum;
    if (transport != kTransportStream) return Failure::none;
    if (family == kFamilyInet) take_addresses(block, 4, header);
    if (family == kFamilyInet6) take_addresses(block, 16, header);
    return Failure::none;
}

}  // namespace ringmx::proxy
