#include "recipients/table.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.hpp"
#include "scan/data_scan.hpp"

namespace ringmx::recipients {

using namespace table;

namespace {

Error named(const std::string& path, const Error& error) {
    return {error.code, path + ": " + error.message};
}

Status check_size(const Header& header, std::uint64_t octets) {
    if (header.file_octets == octets) return ok_status();
    return Error{EINVAL, "damaged: it has " + std::to_string(octets) + " octets, and was made with " +
                             std::to_string(header.file_octets)};
}

}  // namespace

Result<std::shared_ptr<const Table>> Table::load(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (file.get() < 0 || fstat(file.get(), &info) != 0) return system_error(errno, path);
    // The header first: of what is no table nothing more is read.
    std::array<std::byte, kHeaderOctets> start;
    const ssize_t got = pread(file.get(), start.data(), start.size(), 0);
    if (got < 0) return system_error(errno, path);
    const auto header = decode(Bytes(start).first(static_cast<std::size_t>(got)));
    if (!header) return named(path, header.error());
    const auto octets = static_cast<std::uint64_t>(info.st_size);
    if (const Status good = check_size(*header, octets); !good) return named(path, good.error());

    auto copy = PrivateCopy::read(file.get(), octets);
    if (!copy) return named(path, copy.error());
    const std::shared_ptr<Table> loaded(new Table());
    loaded->copy_ = std::move(*copy);
    if (const Status good = loaded->check(loaded->copy_.bytes()); !good) return named(path, good.error());
    return std::shared_ptr<const Table>(loaded);
}

Result<std::shared_ptr<const Table>> Table::view(Bytes bytes) {
    const std::shared_ptr<Table> seen(new Table());
    if (const Status good = seen->check(bytes); !good) return good.error();
    return std::shared_ptr<const Table>(seen);
}

Status Table::check_section(Bytes bytes, SectionName name) const {
    const Section& section = header_.section[name];
    if (scan::crc32c(0, bytes.subspan(section.offset, section.octets)) == section.crc) return ok_status();
    return Error{EINVAL, "damaged: the checksum of the octets from " + std::to_string(section.offset) +
                             " on is wrong"};
}

// Each bucket ends where the next begins, and the last with the entries: no look-up leaves them.
Status Table::check_index(const Buckets& buckets, std::uint64_t octets) const {
    std::uint32_t before = load_le<std::uint32_t>(buckets.index);
    bool good = before == 0;
    for (std::uint64_t i = 1; i <= buckets.count; ++i) {
        const auto offset = load_le<std::uint32_t>(buckets.index + i * kIndexEntryOctets);
        good = good && offset >= before;
        before = offset;
    }
    if (good && before == octets) return ok_status();
    return Error{EINVAL, "damaged: an index does not fit its entries"};
}

Status Table::check(Bytes bytes) {
    auto header = decode(bytes.first(std::min(bytes.size(), kHeaderOctets)));
    if (!header) return header.error();
    header_ = *header;
    if (Status good = check_size(header_, bytes.size()); !good) return good;
    for (const SectionName name : {domain_entries, domain_index, address_entries, address_index}) {
        if (Status good = check_section(bytes, name); !good) return good;
    }
    const auto buckets = [&](SectionName entries, SectionName index) {
        return Buckets{reinterpret_cast<const std::uint8_t*>(bytes.data() + header_.section[entries].offset),
                       bytes.data() + header_.section[index].offset,
                       header_.section[index].octets / kIndexEntryOctets - 1};
    };
    domains_ = buckets(domain_entries, domain_index);
    addresses_ = buckets(address_entries, address_index);
    if (Status good = check_index(domains_, header_.section[domain_entries].octets); !good) return good;
    return check_index(addresses_, header_.section[address_entries].octets);
}

Table::Span Table::bucket(const Buckets& buckets, std::uint64_t hash) {
    const std::byte* const at = buckets.index + bucket_of(hash, buckets.count) * kIndexEntryOctets;
    return {buckets.entries + load_le<std::uint32_t>(at),
            buckets.entries + load_le<std::uint32_t>(at + kIndexEntryOctets)};
}

// Entries: octets of the name, the name, its number times two and one more for every local part.
bool Table::find_domain(Span within, std::string_view domain, Domain& found) {
    auto [at, end] = within;
    std::uint32_t octets = 0;
    std::uint32_t value = 0;
    while (at != end) {
        if (!read_varint(at, end, octets) || octets > static_cast<std::size_t>(end - at)) return false;
        const bool same = octets == domain.size() && std::memcmp(at, domain.data(), octets) == 0;
        at += octets;
        if (!read_varint(at, end, value)) return false;
        if (!same) continue;
        found = {value >> 1, (value & 1) != 0};
        return true;
    }
    return false;
}

// Entries: the domain's number, octets of the local part, the local part.
bool Table::has(Span within, std::uint32_t domain, std::string_view local_part) {
    auto [at, end] = within;
    std::uint32_t number = 0;
    std::uint32_t octets = 0;
    while (at != end) {
        if (!read_varint(at, end, number) || !read_varint(at, end, octets) ||
            octets > static_cast<std::size_t>(end - at)) {
            return false;
        }
        if (number == domain && octets == local_part.size() &&
            std::memcmp(at, local_part.data(), octets) == 0) {
            return true;
        }
        at += octets;
    }
    return false;
}

bool Table::contains(const policy::RecipientKey& key) const {
    // Neither bucket's place depends on what is in the other: both are on their way from memory at the same
    // time.
    const std::uint64_t hash = hash_domain(key.domain);
    const Span of_domain = bucket(domains_, hash);
    const Span of_address = bucket(addresses_, hash_address(hash, key.local_part));
    __builtin_prefetch(of_domain.at);
    __builtin_prefetch(of_address.at);
    Domain domain{};
    if (!find_domain(of_domain, key.domain, domain)) return false;
    if (domain.catch_all) return true;
    if (!key.local_part.empty() && has(of_address, domain.number, key.local_part)) return true;
    return !key.base.empty() &&
           has(bucket(addresses_, hash_address(hash, key.base)), domain.number, key.base);
}

}  // namespace ringmx::recipients
