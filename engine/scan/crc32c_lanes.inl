// CRC32C in three lanes: the instruction takes three cycles and a new one can begin every cycle, so three
// independent stretches are computed side by side and joined. Joining needs "the CRC of this, followed by n
// zero octets", which is linear in the CRC: four table look-ups.
//
// `Step` is the processor's instruction: std::uint64_t eight(crc, word), std::uint32_t one(crc, octet).
// Included by the files that are compiled for it, inside their anonymous namespaces.

constexpr std::size_t kLongLane = 1024;  // octets of a lane; three of them fit any cache
constexpr std::size_t kShortLane = 128;

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, reflected

struct ZerosTable {
    std::uint32_t of[4][256];
};

constexpr std::uint32_t append_zero_octet(std::uint32_t crc) {
    for (int bit = 0; bit < 8; ++bit)
        crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    return crc;
}

// of[k][b]: the register with octet k equal to b, after `octets` zero octets.
constexpr ZerosTable make_zeros_table(std::size_t octets) {
    ZerosTable table{};
    for (int k = 0; k < 4; ++k) {
        std::uint32_t column[8]{};
        for (int bit = 0; bit < 8; ++bit) {
            std::uint32_t crc = std::uint32_t{1} << (8 * k + bit);
            for (std::size_t i = 0; i < octets; ++i)
                crc = append_zero_octet(crc);
            column[bit] = crc;
        }
        for (int b = 0; b < 256; ++b) {
            std::uint32_t sum = 0;
            for (int bit = 0; bit < 8; ++bit)
                sum ^= (b >> bit & 1) != 0 ? column[bit] : 0;
            table.of[k][b] = sum;
        }
    }
    return table;
}

inline std::uint32_t append_zeros(const ZerosTable& table, std::uint32_t crc) {
    return table.of[0][crc & 0xff] ^ table.of[1][crc >> 8 & 0xff] ^ table.of[2][crc >> 16 & 0xff] ^
           table.of[3][crc >> 24];
}

inline std::uint64_t word_at(const unsigned char* from) {
    std::uint64_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

template <typename Step, std::size_t kLane>
inline std::uint64_t crc_three_lanes(std::uint64_t crc, const unsigned char*& data, std::size_t& size,
                                     const ZerosTable& zeros) {
    while (size >= 3 * kLane) {
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (std::size_t i = 0; i < kLane; i += 8) {
            crc = Step::eight(crc, word_at(data + i));
            second = Step::eight(second, word_at(data + kLane + i));
            third = Step::eight(third, word_at(data + 2 * kLane + i));
        }
        crc = append_zeros(zeros, static_cast<std::uint32_t>(crc)) ^ second;
        crc = append_zeros(zeros, static_cast<std::uint32_t>(crc)) ^ third;
        data += 3 * kLane;
        size -= 3 * kLane;
    }
    return crc;
}

template <typename Step>
inline std::uint32_t crc_lanes(std::uint32_t start, const unsigned char* data, std::size_t size) {
    static constexpr ZerosTable kLongZeros = make_zeros_table(kLongLane);
    static constexpr ZerosTable kShortZeros = make_zeros_table(kShortLane);
    std::uint64_t crc = ~start;
    crc = crc_three_lanes<Step, kLongLane>(crc, data, size, kLongZeros);
    crc = crc_three_lanes<Step, kShortLane>(crc, data, size, kShortZeros);
    for (; size >= 8; size -= 8, data += 8)
        crc = Step::eight(crc, word_at(data));
    auto narrow = static_cast<std::uint32_t>(crc);
    for (; size > 0; --size, ++data)
        narrow = Step::one(narrow, *data);
    return ~narrow;
}
