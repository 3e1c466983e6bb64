// The reference implementation: one octet at a time, one switch over the position. Everything else is held to
// it.
#include <array>
#include <cstring>

#include "scan/data_scan.hpp"

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

// Writes what has been decided; the caller has made sure of the room.
class Writer {
 public:
    Writer(DataState& state, MutableBytes out) : state_(state), out_(out) {}
    std::size_t room() const { return out_.size() - produced_; }
    std::size_t produced() const { return produced_; }
    void put(char c) { out_[produced_++] = static_cast<std::byte>(c); }
    void bare(std::uint64_t& count, char c) {
        ++count;
        if (state_.line_ends == LineEnds::keep) return put(c);
        put('\r');
        put('\n');
    }

 private:
    DataState& state_;
    MutableBytes out_;
    std::size_t produced_ = 0;
};

// An octet that does not follow a pending CR and is not a dot at the start of a line.
void take_plain(DataState& state, Writer& writer, char c) {
    state.position = Position::in_line;
    if (c == '\r') {
        state.position = Position::after_cr;
        return;
    }
    if (c == '\n') return writer.bare(state.bare_lf, c);
    if (c == '\0') ++state.nul;
    if (static_cast<unsigned char>(c) > 127) state.eight_bit = true;
    writer.put(c);
}

DataStep copy_octets(DataState& state, Bytes in, MutableBytes out, bool dots) {
    Writer writer(state, out);
    DataStep step;
    while (step.consumed < in.size() && !step.end_of_data) {
        const char c = std::to_integer<char>(in[step.consumed]);
        std::size_t needed = 1;
        const bool normalize = state.line_ends == LineEnds::normalize;
        switch (state.position) {
            case Position::after_cr:
                needed = c == '\n' ? 2 : (normalize ? 2 : 1) + (c == '\r' ? 0 : 1);
                break;
            case Position::after_dot_cr:
                needed = c == '\n' ? 0 : (normalize ? 2 : 1) + (c == '\r' ? 0 : 1);
                break;
            default:
                needed = c == '\r' ? 0 : (c == '\n' && normalize ? 2 : 1);
                break;
        }
        if (writer.room() < needed) break;
        ++step.consumed;
        switch (state.position) {
            case Position::line_start:
                if (dots && c == '.') {
                    state.position = Position::after_dot;
                } else {
                    take_plain(state, writer, c);
                }
                break;
            case Position::in_line:
                take_plain(state, writer, c);
                break;
            case Position::after_cr:
                if (c == '\n') {
                    writer.put('\r');
                    writer.put('\n');
                    state.position = Position::line_start;
                } else {
                    writer.bare(state.bare_cr, '\r');
                    take_plain(state, writer, c);
                }
                break;
            case Position::after_dot:
                if (c == '\r') {
                    state.position = Position::after_dot_cr;
                } else {
                    take_plain(state, writer, c);
                }
                break;
            case Position::after_dot_cr:
                if (c == '\n') {
                    state.position = Position::line_start;
                    step.end_of_data = true;
                } else {
                    writer.bare(state.bare_cr, '\r');
                    take_plain(state, writer, c);
                }
                break;
        }
    }
    step.produced = writer.produced();
    state.crc = crc32c_scalar(state.crc, {out.data(), step.produced});
    state.octets_in += step.consumed;
    state.octets_out += step.produced;
    return step;
}

DataStep copy_data_scalar(DataState& state, Bytes in, MutableBytes out) {
    return copy_octets(state, in, out, true);
}

DataStep copy_chunk_scalar(DataState& state, Bytes in, MutableBytes out) {
    return copy_octets(state, in, out, false);
}

DataStep finish_chunks_scalar(DataState& state, MutableBytes out) {
    DataStep step;
    if (state.position != Position::after_cr) return step;
    Writer writer(state, out);
    writer.bare(state.bare_cr, '\r');
    state.position = Position::in_line;
    step.produced = writer.produced();
    state.crc = crc32c_scalar(state.crc, {out.data(), step.produced});
    state.octets_out += step.produced;
    return step;
}

constexpr Kernels kScalar{"scalar",      copy_data_scalar, copy_chunk_scalar, finish_chunks_scalar,
                          crc32c_scalar, find_lf_scalar};

}  // namespace

const Kernels& scalar_kernels() {
    return kScalar;
}

}  // namespace ringmx::scan
