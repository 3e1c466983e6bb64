// The message id: 128 bits in the layout of UUID version 7 (RFC 9562 §5.7), so ids sort by time. Made once
// per message; shown in the 250, the log and the spool, and the de-duplication key of every backend.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ringmx {

struct MessageId {
    std::array<std::uint8_t, 16> bytes{};  // big-endian, as RFC 9562 prints them

    static constexpr std::size_t kTextLength = 36;
    using Text = std::array<char, kTextLength>;

    // "01890a5d-ac96-774b-bcce-b302099a8057", lower case.
    Text text() const;
    // The 36 character form in either case; nothing else.
    static std::optional<MessageId> parse(std::string_view text);

    std::int64_t unix_ms() const;
    auto operator<=>(const MessageId&) const = default;
};

inline std::string_view as_text(const MessageId::Text& text) {
    return {text.data(), text.size()};
}

// Makes ids that rise strictly within one generator. One per core; not thread safe. The random part is seeded
// from getrandom(2) at construction and stepped by a xorshift generator: unique, not secret.
class MessageIdGenerator {
 public:
    MessageIdGenerator();
    explicit MessageIdGenerator(std::uint64_t seed);  // reproducible ids, for tests and the simulator

    MessageId next(std::int64_t wall_us);

 private:
    std::uint64_t random();

    std::uint64_t state_;
    std::int64_t last_ms_ = 0;
    std::uint32_t sequence_ = 0;  // 12 bits of rand_a: counts within a millisecond
};

}  // namespace ringmx
