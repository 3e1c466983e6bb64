#include "base/message_id.hpp"

#include <algorithm>

#include <sys/random.h>

#include "base/assert.hpp"

namespace ringmx {

namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::uint32_t kSequenceLimit = 1u << 12;

constexpr bool is_dash_position(std::size_t at) {
    return at == 8 || at == 13 || at == 18 || at == 23;
}

// SplitMix64's finaliser: one to one, so that seeds that differ give states that differ, and near seeds
// states far apart. The generator must not start at zero.
std::uint64_t spread(std::uint64_t seed) {
    seed += 0x9E37'79B9'7F4A'7C15ULL;
    seed = (seed ^ seed >> 30) * 0xBF58'476D'1CE4'E5B9ULL;
    seed = (seed ^ seed >> 27) * 0x94D0'49BB'1331'11EBULL;
    seed ^= seed >> 31;
    return seed != 0 ? seed : 1;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

MessageId::Text MessageId::text() const {
    Text out;
    std::size_t at = 0;
    for (const std::uint8_t byte : bytes) {
        if (is_dash_position(at)) out[at++] = '-';
        out[at++] = kHex[byte >> 4];
        out[at++] = kHex[byte & 15];
    }
    return out;
}

std::optional<MessageId> MessageId::parse(std::string_view text) {
    if (text.size() != kTextLength) return std::nullopt;
    MessageId id;
    std::size_t nibble = 0;
    for (std::size_t at = 0; at < kTextLength; ++at) {
        if (is_dash_position(at)) {
            if (text[at] != '-') return std::nullopt;
            continue;
        }
        const int value = hex_value(text[at]);
        if (value < 0) return std::nullopt;
        auto& byte = id.bytes[nibble / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | value);
        ++nibble;
    }
    return id;
}

std::int64_t MessageId::unix_ms() const {
    std::int64_t ms = 0;
    for (std::size_t i = 0; i < 6; ++i)
        ms = ms << 8 | bytes[i];
    return ms;
}

MessageIdGenerator::MessageIdGenerator() : state_(0) {
    RMX_ASSERT(getrandom(&state_, sizeof state_, 0) == sizeof state_);
    state_ = spread(state_);
}

MessageIdGenerator::MessageIdGenerator(std::uint64_t seed) : state_(spread(seed)) {}

std::uint64_t MessageIdGenerator::random() {
    // xorshift64*: period 2^64 - 1, state never zero.
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
}

MessageId MessageIdGenerator::next(std::int64_t wall_us) {
    // The clock may stand still or step back: the id still rises, by borrowing the next millisecond.
    const std::int64_t now_ms = std::max<std::int64_t>(wall_us / 1000, 0);
    if (now_ms > last_ms_) {
        last_ms_ = now_ms;
        sequence_ = 0;
    } else if (++sequence_ == kSequenceLimit) {
        ++last_ms_;
        sequence_ = 0;
    }
    MessageId id;
    for (std::size_t i = 0; i < 6; ++i)
        id.bytes[i] = static_cast<std::uint8_t>(last_ms_ >> (40 - 8 * i));
    id.bytes[6] = static_cast<std::uint8_t>(0x70 | sequence_ >> 8);
    id.bytes[7] = static_cast<std::uint8_t>(sequence_);
    const std::uint64_t r = random();
    id.bytes[8] = static_cast<std::uint8_t>(0x80 | (r >> 56 & 0x3f));
    for (std::size_t i = 9; i < 16; ++i)
        id.bytes[i] = static_cast<std::uint8_t>(r >> (8 * (15 - i)));
    return id;
}

}  // namespace ringmx
