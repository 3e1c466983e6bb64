// The lines of the file of acknowledged messages.
#include "ack_line.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ringmx::tools {
namespace {

TEST(AckLine, ReadsWhatItWrites) {
    Sha256 hash;
    hash.add("abc");
    const auto digest = hash.finish();
    std::string line;
    append_ack_line(line, "01890a5d-ac96-774b-bcce-b302099a8057", digest, 3);
    ASSERT_TRUE(line.ends_with('\n'));
    line.pop_back();
    const auto ack = parse_ack_line(line);
    ASSERT_TRUE(ack.has_value());
    EXPECT_EQ(ack->id, "01890a5d-ac96-774b-bcce-b302099a8057");
    EXPECT_EQ(ack->sha256, to_hex(digest));
    EXPECT_EQ(ack->octets, 3u);
    for (std::size_t cut = 0; cut < line.size(); ++cut)
        EXPECT_FALSE(parse_ack_line(line.substr(0, cut)).has_value()) << cut;
    EXPECT_FALSE(parse_ack_line(line + "x").has_value());
}

TEST(AckLine, FindsTheIdInAReply) {
    EXPECT_EQ(id_of_reply("2.0.0 stored as 01890a5d-ac96-774b-bcce-b302099a8057"),
              "01890a5d-ac96-774b-bcce-b302099a8057");
    EXPECT_EQ(id_of_reply("2.0.0 stored as X; thanks"), "X");
    EXPECT_EQ(id_of_reply("2.0.0 stored as "), "-");
    EXPECT_EQ(id_of_reply("2.0.0 Ok"), "-");
}

}  // namespace
}  // namespace ringmx::tools
