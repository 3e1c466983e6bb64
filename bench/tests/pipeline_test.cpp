// ringmx-pipeline-load counts one reply per reply, and sends what --length says.
#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "pipeline/reply_reader.hpp"
#include "pipeline/transaction.hpp"

namespace ringmx::bench {
namespace {

std::string outcomes_in_pieces(std::string_view octets, std::size_t piece_octets) {
    ReplyReader reader;
    std::string outcomes;
    while (!octets.empty()) {
        std::string_view piece = octets.substr(0, piece_octets);
        octets.remove_prefix(piece.size());
        while (reader.next(piece))
            outcomes += reader.outcome();
    }
    return outcomes;
}

TEST(ReplyReader, CountsAReplyOnceWhateverThePieces) {
    const std::string_view octets =
        "250-one\r\n250-451 two\r\n250 three\r\n354\r\n250 OK\r\n451-4.3.0 a\r\n451 4.3.0 b\r\n";
    for (std::size_t piece = 1; piece <= octets.size(); ++piece)
        EXPECT_EQ(outcomes_in_pieces(octets, piece), "2324") << piece;
}

TEST(ReplyReader, DoesNotCountAReplyWhoseEndHasNotArrived) {
    EXPECT_EQ(outcomes_in_pieces("250 OK\r\n250 O", 4), "2");
    EXPECT_EQ(outcomes_in_pieces("250-OK\r\n", 100), "");
}

TEST(Transaction, MessageHasExactlyTheLengthAskedFor) {
    for (std::size_t length = 64; length < 400; ++length) {
        Options options;
        options.message_octets = length;
        const std::vector<Step> data = make_steps(options);
        ASSERT_EQ(data.size(), 2u);
        ASSERT_EQ(data[1].octets.size(), length + 3);
        EXPECT_EQ(data[1].octets.find("\r\n.\r\n"), length - 2) << "the end of data is not at the end";

        options.bdat = true;
        const std::vector<Step> chunk = make_steps(options);
        ASSERT_EQ(chunk.size(), 1u);
        const std::string command = "BDAT " + std::to_string(length) + " LAST\r\n";
        const std::size_t at = chunk[0].octets.find(command);
        ASSERT_NE(at, std::string::npos);
        EXPECT_EQ(chunk[0].octets.size() - at - command.size(), length);
    }
}

}  // namespace
}  // namespace ringmx::bench
