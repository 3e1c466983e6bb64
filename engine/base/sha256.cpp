#include "base/sha256.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ringmx {
namespace {

// FIPS 180-4 §4.2.2.
constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

void Sha256::block(const std::uint8_t* data) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t t = 0; t < 16; ++t) {
        std::uint32_t word;
        std::memcpy(&word, data + 4 * t, sizeof word);
        w[t] = __builtin_bswap32(word);
    }
    for (std::size_t t = 16; t < 64; ++t) {
        const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
        const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t t = 0; t < 64; ++t) {
        const std::uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                 ((e & f) ^ (~e & g)) + kRound[t] + w[t];
        const std::uint32_t t2 =
            (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const std::array<std::uint32_t, 8> sum = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state_.size(); ++i)
        state_[i] += sum[i];
}

void Sha256::add(Bytes bytes) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    const auto begun = static_cast<std::size_t>(octets_ % kBlockBytes);
    octets_ += left;
    if (begun > 0) {
        const std::size_t taken = std::min(left, kBlockBytes - begun);
        std::memcpy(rest_.data() + begun, data, taken);
        data += taken;
        left -= taken;
        if (begun + taken < kBlockBytes) return;
        block(rest_.data());
    }
    for (; left >= kBlockBytes; left -= kBlockBytes, data += kBlockBytes)
        block(data);
    if (left > 0) std::memcpy(rest_.data(), data, left);
}

Sha256::Digest Sha256::finish() {
    const std::uint64_t bits = __builtin_bswap64(octets_ * 8);
    static constexpr std::array<std::uint8_t, kBlockBytes> kPadding = {0x80};
    const auto begun = static_cast<std::size_t>(octets_ % kBlockBytes);
    const std::size_t padding = (begun < 56 ? 56 : 120) - begun;
    add({reinterpret_cast<const std::byte*>(kPadding.data()), padding});
    add({reinterpret_cast<const std::byte*>(&bits), sizeof bits});
    Digest digest;
    for (std::size_t i = 0; i < state_.size(); ++i) {
        const std::uint32_t word = __builtin_bswap32(state_[i]);
        std::memcpy(digest.data() + 4 * i, &word, sizeof word);
    }
    return digest;
}

std::string to_hex(const Sha256::Digest& digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * digest.size());
    for (const std::uint8_t octet : digest) {
        text += kDigits[octet >> 4];
        text += kDigits[octet & 15];
    }
    return text;
}

std::string sha256_hex(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return to_hex(hash.finish());
}

}  // namespace ringmx
