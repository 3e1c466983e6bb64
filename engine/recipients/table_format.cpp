#include "recipients/table_format.hpp"

#include <cerrno>
#include <cstring>

#include "scan/data_scan.hpp"

namespace ringmx::recipients::table {

namespace {

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kHeaderOctetsAt = 12;
constexpr std::size_t kFileOctetsAt = 16;
constexpr std::size_t kAddressesAt = 24;
constexpr std::size_t kDomainsAt = 32;
constexpr std::size_t kCatchAllsAt = 40;
constexpr std::size_t kSectionsAt = 48;
constexpr std::size_t kSectionStride = 24;  // offset, octets, CRC, four octets of zero
constexpr std::size_t kCrcAt = kHeaderOctets - 4;
static_assert(kSectionsAt + sections * kSectionStride <= kCrcAt);

constexpr std::array<const char*, sections> kNames = {"domains", "index of domains", "addresses",
                                                      "index of addresses"};

std::string problem_of(const Header& header) {
    std::uint64_t behind = kHeaderOctets;
    for (std::size_t i = 0; i < sections; ++i) {
        const Section& section = header.section[i];
        const bool in_file = section.offset >= behind && section.octets <= kSectionOctetsMax &&
                             section.offset <= header.file_octets &&
                             section.octets <= header.file_octets - section.offset;
        if (!in_file) return std::string("the ") + kNames[i] + " do not lie within the file";
        behind = section.offset + section.octets;
    }
    for (const SectionName index : {domain_index, address_index}) {
        const std::uint64_t octets = header.section[index].octets;
        if (octets % kIndexEntryOctets != 0 || octets < 2 * kIndexEntryOctets)
            return std::string("the ") + kNames[index] + " has a size that no index has";
    }
    return {};
}

}  // namespace

std::array<std::byte, kHeaderOctets> encode(const Header& header) {
    std::array<std::byte, kHeaderOctets> bytes{};
    std::byte* const to = bytes.data();
    std::memcpy(to, kMagic.data(), kMagic.size());
    store_le(to + kVersionAt, kVersion);
    store_le(to + kHeaderOctetsAt, static_cast<std::uint32_t>(kHeaderOctets));
    store_le(to + kFileOctetsAt, header.file_octets);
    store_le(to + kAddressesAt, header.addresses);
    store_le(to + kDomainsAt, header.domains);
    store_le(to + kCatchAllsAt, header.catch_alls);
    for (std::size_t i = 0; i < sections; ++i) {
        std::byte* const at = to + kSectionsAt + i * kSectionStride;
        store_le(at, header.section[i].offset);
        store_le(at + 8, header.section[i].octets);
        store_le(at + 16, header.section[i].crc);
    }
    store_le(to + kCrcAt, scan::crc32c(0, Bytes(bytes).first(kCrcAt)));
    return bytes;
}

Result<Header> decode(Bytes bytes) {
    const std::byte* const from = bytes.data();
    if (bytes.size() < kHeaderOctets || std::memcmp(from, kMagic.data(), kMagic.size()) != 0)
        return Error{EINVAL, "not a table of recipients"};
    if (const auto version = load_le<std::uint32_t>(from + kVersionAt); version != kVersion) {
        return Error{EINVAL, "a table of version " + std::to_string(version) + ", not " +
                                 std::to_string(kVersion) + ": build it anew"};
    }
    if (load_le<std::uint32_t>(from + kCrcAt) != scan::crc32c(0, bytes.first(kCrcAt)) ||
        load_le<std::uint32_t>(from + kHeaderOctetsAt) != kHeaderOctets) {
        return Error{EINVAL, "damaged: the checksum of its header is wrong"};
    }
    Header header;
    header.file_octets = load_le<std::uint64_t>(from + kFileOctetsAt);
    header.addresses = load_le<std::uint64_t>(from + kAddressesAt);
    header.domains = load_le<std::uint64_t>(from + kDomainsAt);
    header.catch_alls = load_le<std::uint64_t>(from + kCatchAllsAt);
    for (std::size_t i = 0; i < sections; ++i) {
        const std::byte* const at = from + kSectionsAt + i * kSectionStride;
        header.section[i] = {load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8),
                             load_le<std::uint32_t>(at + 16)};
    }
    if (const std::string problem = problem_of(header); !problem.empty()) return Error{EINVAL, problem};
    return header;
}

}  // namespace ringmx::recipients::table
