// The keywords of an EHLO reply.
#include "probe.hpp"

#include <gtest/gtest.h>

namespace ringmx::load {
namespace {

TEST(Probe, KeywordsOfEhlo) {
    const Capabilities server =
        parse_ehlo("250-mx.example CHUNKING\r\n250-size 1000\r\n250-8BITMIME\r\n250 PipeLining\r\n");
    EXPECT_TRUE(server.pipelining);
    EXPECT_FALSE(server.chunking) << "the first line is a greeting";
    EXPECT_EQ(server.size_max, 1000u);
    EXPECT_TRUE(parse_ehlo("250-x\n250-CHUNKING\n250 SIZE\n").chunking);
    EXPECT_EQ(parse_ehlo("250-x\r\n250 SIZE 0\r\n").size_max, 0u);
    EXPECT_FALSE(parse_ehlo("250-x\r\n250 PIPELININGS\r\n").pipelining);
    EXPECT_FALSE(parse_ehlo("250 x\r\n").pipelining);
    EXPECT_FALSE(parse_ehlo("").pipelining);
    EXPECT_TRUE(parse_ehlo("250-x\r\n250 starttls\r\n").starttls);
    EXPECT_FALSE(parse_ehlo("250-STARTTLS\r\n250 SIZE\r\n").starttls);
}

}  // namespace
}  // namespace ringmx::load
