// A table of recipients of any bytes: it is refused, or look-ups stay within it and end. The sanitizers see
// every octet that is read, for the bytes stand in memory of exactly their size.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "recipients/table.hpp"
#include "scan/data_scan.hpp"

namespace {

using namespace ringmx;
using namespace ringmx::recipients;

constexpr std::size_t kInputMax = 1u << 16;

// Mutation destroys checksums, and with them every path behind the checks. Unless the first octet is even
// they are made right, and the size with them.
void mend(MutableBytes bytes) {
    if (bytes.size() < table::kHeaderOctets) return;
    std::byte* const header = bytes.data();
    std::memcpy(header, table::kMagic.data(), table::kMagic.size());
    store_le(header + 8, table::kVersion);
    store_le(header + 12, static_cast<std::uint32_t>(table::kHeaderOctets));
    store_le(header + 16, std::uint64_t{bytes.size()});
    for (std::size_t i = 0; i < table::sections; ++i) {
        std::byte* const section = header + 48 + i * 24;
        const auto offset = load_le<std::uint64_t>(section);
        const auto octets = load_le<std::uint64_t>(section + 8);
        if (offset > bytes.size() || octets > bytes.size() - offset) continue;
        store_le(section + 16, scan::crc32c(0, Bytes(bytes).subspan(offset, octets)));
    }
    store_le(header + table::kHeaderOctets - 4,
             scan::crc32c(0, Bytes(bytes).first(table::kHeaderOctets - 4)));
}

void look_up(const Table& table, std::string_view local_part, std::string_view domain) {
    const bool found = table.contains({local_part, local_part.substr(0, local_part.size() / 2), domain});
    // The same question has the same answer, and a whole domain has everybody.
    RMX_ASSERT(table.contains({local_part, local_part.substr(0, local_part.size() / 2), domain}) == found);
    if (table.contains({{}, {}, domain})) RMX_ASSERT(found);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > kInputMax) return 0;
    const std::size_t octets = size - 1;
    const std::unique_ptr<std::byte[]> memory(new std::byte[octets]);
    std::memcpy(memory.get(), data + 1, octets);
    const MutableBytes bytes(memory.get(), octets);
    if ((data[0] & 1) != 0) mend(bytes);
    const auto table = Table::view(bytes);
    if (!table) {
        RMX_ASSERT(!table.error().message.empty());
        return 0;
    }
    for (const std::string_view domain : {"example.com", "all.example", "", "x"}) {
        for (const std::string_view local_part : {"alice", "bob+tag", "", "a"})
            look_up(**table, local_part, domain);
    }
    // Names that may stand in it.
    const std::string_view text = as_text(bytes);
    const std::size_t start = std::min(octets, table::kHeaderOctets);
    for (std::size_t at = start; at < std::min(octets, start + 256); ++at) {
        const std::size_t length = static_cast<std::uint8_t>(text[at]);
        look_up(**table, text.substr(at, length % 16), "example.com");
        look_up(**table, "alice", text.substr(at, length % 32));
    }
    return 0;
}
