// Fuzzes the decoder of PROXY headers: the first octet chooses how the rest is cut. Whatever the octets:
// pieces give what the whole gives, no more than the limits is taken, a header of version 1 is the line that
// it says, and one of version 2 is as long as its length says. One input in two gets a checksum that is
// right, so that what is behind it is reached.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "proxy/decoder.hpp"
#include "proxy/wire.hpp"
#include "scan/data_scan.hpp"

namespace {

using namespace ringmx;
using namespace ringmx::proxy;

struct Outcome {
    Decoder::State state;
    Failure failure;
    std::size_t taken;
    Header header;
};

bool same_text(std::string_view a, std::string_view b) {
    return a == b;
}

void check_same(const Outcome& a, const Outcome& b) {
    RMX_ASSERT(a.state == b.state && a.failure == b.failure && a.taken == b.taken);
    if (a.state != Decoder::State::done) return;
    RMX_ASSERT(a.header.version == b.header.version && a.header.client == b.header.client);
    RMX_ASSERT(a.header.destination == b.header.destination && a.header.tls.active == b.header.tls.active);
    RMX_ASSERT(a.header.tls.client_verified == b.header.tls.client_verified);
    RMX_ASSERT(same_text(a.header.tls.version, b.header.tls.version));
    RMX_ASSERT(same_text(a.header.tls.cipher, b.header.tls.cipher));
    RMX_ASSERT(same_text(a.header.tls.client_name, b.header.tls.client_name));
    RMX_ASSERT(same_text(a.header.authority, b.header.authority));
    RMX_ASSERT(same_text(a.header.unique_id, b.header.unique_id));
}

// `piece`: octets fed at a time, each in a block of its own.
Outcome decode(Decoder& decoder, std::string_view input, std::size_t piece) {
    std::size_t taken = 0;
    while (taken < input.size() && decoder.state() == Decoder::State::more) {
        const std::size_t size = std::min(piece, input.size() - taken);
        const auto block = std::make_unique<char[]>(size);
        std::memcpy(block.get(), input.data() + taken, size);
        const std::size_t here = decoder.feed(as_bytes({block.get(), size}));
        RMX_ASSERT(here <= size);
        RMX_ASSERT(here == size || decoder.state() != Decoder::State::more);
        taken += here;
    }
    return {decoder.state(), decoder.failure(), taken, decoder.header()};
}

void check_header(const Outcome& outcome, std::string_view input) {
    const Header& header = outcome.header;
    const std::string_view taken = input.substr(0, outcome.taken);
    if (header.version == 1) {
        RMX_ASSERT(taken.size() <= limits::proxy_header_v1_octets_max);
        RMX_ASSERT(taken.starts_with(kTextSignature) && taken.find('\n') == taken.size() - 1);
    } else {
        RMX_ASSERT(header.version == 2 && taken.starts_with(kBinarySignature));
        const auto octet = [&](std::size_t at) { return static_cast<std::uint8_t>(taken[at]); };
        RMX_ASSERT(taken.size() == 16u + octet(14) * 256u + octet(15));
    }
    RMX_ASSERT(header.tls.version.size() <= limits::proxy_tls_text_octets_max);
    RMX_ASSERT(header.tls.client_name.size() <= limits::proxy_text_octets_max);
    RMX_ASSERT(header.authority.size() <= limits::proxy_text_octets_max);
    RMX_ASSERT(header.unique_id.size() <= limits::proxy_unique_id_octets_max);
}

void check(std::string_view input, std::size_t piece) {
    Decoder whole;
    const Outcome outcome = decode(whole, input, std::max<std::size_t>(input.size(), 1));
    RMX_ASSERT(outcome.taken <= limits::proxy_header_v2_octets_max);
    if (outcome.state == Decoder::State::more)
        RMX_ASSERT(outcome.taken == input.size() && input.size() < limits::proxy_header_v2_octets_max);
    if (outcome.state == Decoder::State::done) check_header(outcome, input);
    Decoder pieces;
    check_same(outcome, decode(pieces, input, piece));
}

// A version 2 header over these octets, with addresses if they are enough, and a good checksum at its end.
std::string with_checksum(std::uint8_t family, std::string_view block) {
    constexpr std::size_t most = limits::proxy_header_v2_octets_max - kBinaryHeadOctets - 7;
    block = block.substr(0, most);
    const std::size_t length = block.size() + 7;
    std::string octets(kBinarySignature);
    octets += {'\x21', static_cast<char>(family), static_cast<char>(length >> 8), static_cast<char>(length)};
    octets += block;
    octets += std::string("\x03\x00\x04\x00\x00\x00\x00", 7);
    const std::uint32_t crc = scan::crc32c(0, as_bytes(octets));
    for (std::size_t i = 0; i < 4; ++i)
        octets[octets.size() - 4 + i] = static_cast<char>(crc >> (24 - 8 * i));
    return octets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t piece = 1 + data[0] % 64;
    const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
    check(input, piece);
    if ((data[0] & 0x80) != 0)
        check(with_checksum(static_cast<std::uint8_t>(input[0]), input.substr(1)), piece);
    return 0;
}
