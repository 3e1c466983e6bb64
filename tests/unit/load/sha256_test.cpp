// SHA-256 against the examples of FIPS 180-4, and the lines that carry it.
#include "base/sha256.hpp"

#include <string>

#include <gtest/gtest.h>

#include "ack_line.hpp"

namespace ringmx::tools {
namespace {

std::string hash_of(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return to_hex(hash.finish());
}

TEST(Sha256, KnownAnswers) {
    EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hash_of(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesMakeNoDifference) {
    std::string text;
    for (int i = 0; i < 200; ++i)
        text += static_cast<char>(i);
    for (std::size_t length = 0; length <= text.size(); length += 7) {
        for (std::size_t cut = 0; cut <= length; cut += 5) {
            Sha256 hash;
            hash.add(std::string_view(text).substr(0, cut));
            hash.add(std::string_view(text).substr(cut, length - cut));
            ASSERT_EQ(to_hex(hash.finish()), hash_of(std::string_view(text).substr(0, length)));
        }
    }
}

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
