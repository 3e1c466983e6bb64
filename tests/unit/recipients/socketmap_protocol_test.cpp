// The socketmap protocol, at any division into pieces.
#include "recipients/socketmap_protocol.hpp"

#include <gtest/gtest.h>

namespace ringmx::recipients {
namespace {

TEST(SocketmapProtocol, AQuestionIsANetstring) {
    std::string out;
    append_question(out, "virtual", "user@example.com");
    EXPECT_EQ(out, "24:virtual user@example.com,");
}

struct Case {
    std::string_view octets;
    SocketmapAnswer answer;
    std::string_view reason;
};

constexpr Case kWhole[] = {
    {"5:OK xy,", SocketmapAnswer::ok, "xy"},
    {"3:OK ,", SocketmapAnswer::ok, ""},
    {"2:OK,", SocketmapAnswer::ok, ""},
    {"9:NOTFOUND ,", SocketmapAnswer::not_found, ""},
    {"8:NOTFOUND,", SocketmapAnswer::not_found, ""},
    {"13:TEMP database,", SocketmapAnswer::temporary, "database"},
    {"8:TIMEOUT ,", SocketmapAnswer::temporary, ""},
    {"12:PERM unknown,", SocketmapAnswer::permanent, "unknown"},
};

TEST(SocketmapProtocol, RepliesAreReadAtAnyDivision) {
    for (const Case& c : kWhole) {
        for (std::size_t cut = 0; cut < c.octets.size(); ++cut) {
            SocketmapReply reply;
            if (cut > 0) {
                EXPECT_FALSE(reply.feed(c.octets.substr(0, cut))) << c.octets << " at " << cut;
                EXPECT_TRUE(reply.begun());
            }
            EXPECT_TRUE(reply.feed(c.octets.substr(cut))) << c.octets << " at " << cut;
            EXPECT_EQ(reply.answer(), c.answer) << c.octets;
            EXPECT_EQ(reply.reason(), c.reason) << c.octets;
        }
    }
}

TEST(SocketmapProtocol, WhatIsNoReplyIsMalformed) {
    for (const std::string_view octets :
         {"OK user,", "x", ":OK,", "2;OK,", "-1:OK,", " 2:OK,", "2:OK;", "2:OK,more", "9999999",
          "999999:", "4:MAYB,", "0:,", "3:ok ,", "3:OKX,", "100001:x"}) {
        SocketmapReply reply;
        EXPECT_TRUE(reply.feed(octets)) << octets;
        EXPECT_EQ(reply.answer(), SocketmapAnswer::malformed) << octets;
        EXPECT_NE(reply.reason(), "") << octets;
    }
}

TEST(SocketmapProtocol, AReplyThatNeverEndsIsBounded) {
    SocketmapReply reply;
    const std::string piece(4096, 'x');
    bool done = reply.feed("100000:OK ");
    std::size_t octets = 10;
    for (; !done && octets < 200'000; octets += piece.size())
        done = reply.feed(piece);
    EXPECT_TRUE(done);
    EXPECT_LT(octets, 110'000u);
    EXPECT_EQ(reply.answer(), SocketmapAnswer::malformed);
}

TEST(SocketmapProtocol, TheLongestReplyIsTaken) {
    SocketmapReply reply;
    std::string text = "100000:OK " + std::string(99'997, 'x') + ",";
    EXPECT_TRUE(reply.feed(text));
    EXPECT_EQ(reply.answer(), SocketmapAnswer::ok);
    EXPECT_LE(reply.reason().size(), 200u);
}

}  // namespace
}  // namespace ringmx::recipients
