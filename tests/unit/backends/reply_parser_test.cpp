#include "lmtp/reply_parser.hpp"

#include <gtest/gtest.h>

namespace ringmx::lmtp {
namespace {

TEST(ReplyParser, OneLineIsAReply) {
    ReplyParser parser;
    parser.feed("250 2.1.0 OK\r\n");
    const auto reply = parser.next();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->code, 250);
    EXPECT_EQ(reply->text(), "250 2.1.0 OK");
    EXPECT_FALSE(parser.next());
    EXPECT_FALSE(parser.broken());
}

TEST(ReplyParser, LinesAreGatheredWhereverTheyAreCut) {
    const std::string wire = "250-first\r\n250-second\r\n250 third\r\n354\r\n";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        ReplyParser parser;
        std::vector<Reply> replies;
        for (const std::string& part : {wire.substr(0, cut), wire.substr(cut)}) {
            parser.feed(part);
            while (auto reply = parser.next())
                replies.push_back(*reply);
        }
        ASSERT_EQ(replies.size(), 2u) << cut;
        EXPECT_EQ(replies[0].lines, (std::vector<std::string>{"first", "second", "third"}));
        EXPECT_EQ(replies[1].code, 354);
    }
}

TEST(ReplyParser, WhatIsNoReplyIsAnError) {
    for (const char* wire :
         {"hello\r\n", "25\r\n", "2500 x\r\n", "150 x\r\n", "650 x\r\n", "\r\n", "250-a\r\n251 b\r\n"}) {
        ReplyParser parser;
        parser.feed(wire);
        EXPECT_FALSE(parser.next()) << wire;
        EXPECT_TRUE(parser.broken()) << wire;
    }
}

TEST(ReplyParser, LinesAndRepliesHaveLimits) {
    ReplyParser parser;
    parser.feed(std::string(ReplyParser::line_octets_max + 1, '2'));
    EXPECT_FALSE(parser.next());
    EXPECT_TRUE(parser.broken());

    ReplyParser endless;
    const std::string line = "250-" + std::string(4000, 'x') + "\r\n";
    for (int i = 0; i < 100 && !endless.broken(); ++i) {
        endless.feed(line);
        EXPECT_FALSE(endless.next());
    }
    EXPECT_TRUE(endless.broken());
}

TEST(ReplyParser, TextIsOneShortLineOfPrintableCharacters) {
    ReplyParser parser;
    parser.feed("550-gr\xc3\xbc\x1b\r\n550 " + std::string(1000, 'y') + "\r\n");
    const auto reply = parser.next();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->text().substr(0, 14), "550 gr??? yyyy");
    EXPECT_EQ(reply->text().size(), 200u);
}

}  // namespace
}  // namespace ringmx::lmtp
