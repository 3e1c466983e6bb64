// The reference implementation: one octet at a time, one switch over the position. Everything else is held to
// it.
#include <array>
#include <cstring>

#include "scan/data_scan.hpp"
#include "scan/octet_steps.hpp"

namespace ringmx::scan {

namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, reflected

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
    CrcTables tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
        tables[0][i] = crc;
    }
    for (std::size_t t = 1; t < 8; ++t) {
        for (std::size_t i = 0; i < 256; ++i) {
            const std::uint32_t before = tables[t - 1][i];
            tables[t][i] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
    return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

// Slicing by eight.
std::uint32_t crc32c_scalar(std::uint32_t crc, Bytes data) {
    crc = ~crc;
    const std::byte* at = data.data();
    std::size_t left = data.size();
    for (; left >= 8; left -= 8, at += 8) {
        const auto low = load_le<std::uint32_t>(at) ^ crc;
        const auto high = load_le<std::uint32_t>(at + 4);
        crc = kCrc[7][low & 0xff] ^ kCrc[6][low >> 8 & 0xff] ^ kCrc[5][low >> 16 & 0xff] ^
              kCrc[4][low >> 24] ^ kCrc[3][high & 0xff] ^ kCrc[2][high >> 8 & 0xff] ^
              kCrc[1][high >> 16 & 0xff] ^ kCrc[0][high >> 24];
    }
    for (; left > 0; --left, ++at)
        crc = crc >> 8 ^ kCrc[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 0xff];
    return ~crc;
}

std::size_t find_lf_scalar(Bytes in) {
    for (std::size_t i = 0; i < in.size(); ++i) {
        if (in[i] == std::byte{'\n'}) return i;
    }
    return in.size();
}

DataStep account(DataState& state, DataStep step, MutableBytes out) {
    state.crc = crc32c_scalar(state.crc, {out.data(), step.produced});
    state.octets_in += step.consumed;
    state.octets_out += step.produced;
    return step;
}

DataStep copy_data_scalar(DataState& state, Bytes in, MutableBytes out) {
    return account(state, step_octets(state, in, out, true), out);
}

DataStep copy_chunk_scalar(DataState& state, Bytes in, MutableBytes out) {
    return account(state, step_octets(state, in, out, false), out);
}

DataStep finish_chunks_scalar(DataState& state, MutableBytes out) {
    return account(state, finish_octets(state, out), out);
}

constexpr Kernels kScalar{"scalar",      copy_data_scalar, copy_chunk_scalar, finish_chunks_scalar,
                          crc32c_scalar, find_lf_scalar};

}  // namespace

const Kernels& scalar_kernels() {
    return kScalar;
}

}  // namespace ringmx::scan
