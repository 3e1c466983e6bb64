#include "lmtp/content.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lmtp/outgoing.hpp"

namespace ringmx::lmtp {
namespace {

std::vector<ringmx_bytes> spans_of(const std::vector<std::string>& pieces) {
    std::vector<ringmx_bytes> spans;
    for (const std::string& piece : pieces)
        spans.push_back({piece.data(), piece.size()});
    return spans;
}

std::string all_of(Content content) {
    std::string all;
    for (std::string_view piece = content.next(); !piece.empty(); piece = content.next())
        all += piece;
    return all;
}

// RFC 5321 §4.5.2, the slow way.
std::string stuffed(const std::string& text) {
    std::string out;
    bool line_start = true;
    for (const char c : text) {
        if (line_start && c == '.') out += '.';
        out += c;
        line_start = c == '\n';
    }
    return out + (line_start ? ".\r\n" : "\r\n.\r\n");
}

std::vector<std::string> cut(const std::string& text, std::mt19937& random) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t octets = random() % 5;  // empty ones, too
        pieces.push_back(text.substr(at, octets));
        at += pieces.back().size();
    }
    return pieces;
}

TEST(Content, DotsAreStuffedWhereverTheSpansAreCut) {
    std::mt19937 random(7);
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (std::size_t lines = random() % 6; lines > 0; --lines) {
            for (std::size_t octets = random() % 4; octets > 0; --octets)
                text += "..a"[random() % 3];
            text += "\r\n";
        }
        if (random() % 4 == 0) text += ".tail";
        auto pieces = cut(text, random);
        if (pieces.empty()) pieces.emplace_back();
        const auto spans = spans_of(pieces);
        EXPECT_EQ(all_of(Content(spans, Framing::dotted)), stuffed(text));
        EXPECT_EQ(all_of(Content(spans, Framing::chunk)), text);
    }
}

TEST(Content, BareLineEndsAreFoundWhereverTheSpansAreCut) {
    std::mt19937 random(11);
    for (int round = 0; round < 5000; ++round) {
        std::string text;
        bool bare = false;
        for (std::size_t parts = random() % 6; parts > 0; --parts)
            text += std::vector<std::string>{"\r\n", "a", "\r\n", "bc", "\r\n", "\r", "\n"}[random() % 7];
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') bare = bare || i == 0 || text[i - 1] != '\r';
            if (text[i] == '\r') bare = bare || i + 1 == text.size() || text[i + 1] != '\n';
        }
        EXPECT_EQ(has_bare_line_end(spans_of(cut(text, random))), bare) << testing::PrintToString(text);
    }
}

TEST(Content, OnlyTheHeaderIsSearchedFor8BitOctets) {
    const std::vector<std::string> body = {"Subject: x\r", "\n\r\ngr\xc3\xbc\xc3\x9f"};
    const std::vector<std::string> header = {"Subject: gr", "\xc3\xbc\r\n\r\n"};
    const std::vector<std::string> no_body = {"Subject: x\r\nX: \xc3\xbc"};
    EXPECT_FALSE(has_8bit_header(spans_of(body)));
    EXPECT_TRUE(has_8bit_header(spans_of(header)));
    EXPECT_TRUE(has_8bit_header(spans_of(no_body)));
}

TEST(Outgoing, GivesTextAndContentInWhateverPiecesAreTaken) {
    std::mt19937 random(3);
    std::string text;
    for (int i = 0; i < 500; ++i)
        text += i % 3 == 0 ? ".x\r\n" : "line\r\n";
    const std::vector<std::string> pieces = {text.substr(0, 700), text.substr(700)};
    const auto spans = spans_of(pieces);
    Outgoing outgoing;
    outgoing.add("DATA\r\n");
    outgoing.add(Content(spans, Framing::dotted));
    std::string written;
    while (!outgoing.empty()) {
        std::vector<iovec> room(1 + random() % 8);
        const std::size_t count = outgoing.gather(room);
        ASSERT_GT(count, 0u);
        std::string offered;
        for (std::size_t i = 0; i < count; ++i)
            offered.append(static_cast<const char*>(room[i].iov_base), room[i].iov_len);
        const std::size_t taken = 1 + random() % offered.size();
        written += offered.substr(0, taken);
        outgoing.sent(taken);
    }
    EXPECT_EQ(written, "DATA\r\n" + stuffed(text));
}

}  // namespace
}  // namespace ringmx::lmtp
