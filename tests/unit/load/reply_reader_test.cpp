// One reply per reply, whatever the pieces it arrives in.
#include "reply_reader.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

std::string replies_in_pieces(std::string_view octets, std::size_t piece_octets) {
    ReplyReader reader;
    std::string replies;
    while (!octets.empty()) {
        std::string_view piece = octets.substr(0, piece_octets);
        octets.remove_prefix(piece.size());
        Reply reply;
        while (reader.next(piece, reply)) {
            replies += std::to_string(reply.code);
            replies += '[';
            replies += reply.text;
            replies += ']';
        }
    }
    return replies;
}

TEST(ReplyReader, ReadsARepliesLastLineWhateverThePieces) {
    const std::string_view octets =
        "250-one\r\n250-451 two\r\n250 three\r\n354\r\n250 OK\n451-4.3.0 a\r\n451 4.3.0 b\r\n";
    for (std::size_t piece = 1; piece <= octets.size(); ++piece)
        EXPECT_EQ(replies_in_pieces(octets, piece), "250[three]354[]250[OK]451[4.3.0 b]") << piece;
}

TEST(ReplyReader, AReplyWhoseEndHasNotArrivedIsNone) {
    EXPECT_EQ(replies_in_pieces("250 OK\r\n250 O", 4), "250[OK]");
    EXPECT_EQ(replies_in_pieces("250-OK\r\n", 100), "");
}

TEST(ReplyReader, WhatIsNoReplyHasCodeZero) {
    for (const char* line :
         {"hello\r\n", "25\r\n", "\r\n", "2500 OK\r\n", "150 x\r\n", "650 x\r\n", "25x y\r\n"}) {
        for (std::size_t piece = 1; piece <= 8; ++piece)
            EXPECT_EQ(replies_in_pieces(line, piece).substr(0, 2), "0[") << line << piece;
    }
}

TEST(ReplyReader, ALongLineInPiecesKeepsItsBeginning) {
    const std::string line = "250 2.0.0 stored as 01890a5d " + std::string(5000, 'x') + "\r\n250 next\r\n";
    const std::string replies = replies_in_pieces(line, 100);
    EXPECT_EQ(replies.substr(0, 33), "250[2.0.0 stored as 01890a5d xxxx");
    EXPECT_EQ(replies.substr(replies.size() - 9), "250[next]");
    EXPECT_LT(replies.size(), 200u);
}

}  // namespace
}  // namespace ringmx::load
