// The sink's search for the end of data gives the same answer however the mail data is cut into pieces.
#include "sink/end_of_data.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace ringmx::floor {
namespace {

// Octets of mail data up to and including its end, when it arrives in pieces that end at `first`, `second`
// and the end.
std::size_t find_in_pieces(std::string_view data, std::size_t first, std::size_t second) {
    EndOfData end_of_data;
    end_of_data.begin();
    const std::size_t ends[] = {first, second, data.size()};
    std::size_t at = 0;
    for (const std::size_t end : ends) {
        const std::size_t found = end_of_data.find(data.data() + at, end - at);
        if (found != EndOfData::npos) return at + found;
        at = end;
    }
    return EndOfData::npos;
}

// Every string of `length` octets out of those that matter, by its number.
std::string data_of(std::size_t number, std::size_t length) {
    std::string data;
    for (; length > 0; --length, number /= 4)
        data += "\r\n.a"[number % 4];
    return data;
}

TEST(EndOfData, IsFoundWhateverThePieces) {
    constexpr std::size_t kLength = 7;
    constexpr std::size_t kStrings = 1u << (2 * kLength);
    std::size_t with_end = 0;
    for (std::size_t number = 0; number < kStrings; ++number) {
        const std::string data = data_of(number, kLength);
        // The CR LF of the DATA command stands before the data (RFC 5321 §4.1.1.4).
        const std::size_t at = ("\r\n" + data).find("\r\n.\r\n");
        const std::size_t expected = at == std::string::npos ? EndOfData::npos : at + 3;
        with_end += expected != EndOfData::npos ? 1 : 0;
        for (std::size_t first = 0; first <= kLength; ++first) {
            for (std::size_t second = first; second <= kLength; ++second)
                ASSERT_EQ(find_in_pieces(data, first, second), expected)
                    << number << ' ' << first << ' ' << second;
        }
    }
    EXPECT_GT(with_end, 0u);
}

TEST(EndOfData, IsFoundBehindTextWithDots) {
    const std::string data = "a.b. ..\r\n..stuffed\r\n.x\r\n\r\n. \r\nlast line.\r\n.\r\nMAIL";
    for (std::size_t cut = 0; cut <= data.size(); ++cut)
        EXPECT_EQ(find_in_pieces(data, cut, cut), data.size() - 4) << cut;
}

}  // namespace
}  // namespace ringmx::floor
