// Every golden dialogue gives the same replies, stored octets, events and violations when its input comes
// whole, cut at every offset, cut at every pair of nearby offsets, and octet by octet; with handlers that
// answer at once or later, and with room that is ample or scarce.
#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

#include "peer.hpp"
#include "script.hpp"

namespace ringmx::golden {

namespace {

constexpr std::size_t kDialoguesMin = 60;
// Single cuts are at every offset of every dialogue. A longer one is mostly one long run of the same octet:
// there the pairs of cuts are at every 7th.
constexpr std::size_t kEveryPairOctetsMax = 2048;
constexpr std::size_t kPairStride = 7;
#if defined(RINGMX_TEST_THREAD_SANITIZER)
constexpr std::size_t kCutStride = 23;  // a session has one thread: there is little for this sanitizer to see
#else
constexpr std::size_t kCutStride = 1;
#endif

std::vector<std::filesystem::path> dialogue_paths() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(GOLDEN_DIR "/dialogues")) {
        if (entry.path().extension() == ".test") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

std::string list(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
        text += "\n    " + line;
    return text;
}

std::string show(const Outcome& outcome) {
    std::string replies;
    for (const char c : outcome.replies)
        replies += c == '\n' ? "\\n\n    " : escape({&c, 1});
    return "  replies\n    " + replies + "\n  stored " + escape(outcome.stored) + "\n  events" +
           list(outcome.events) + "\n  violations" + list(outcome.violations) + "\n  end " + outcome.end +
           "\n";
}

testing::AssertionResult gives(const Script& script, Manner manner, const std::vector<std::size_t>& cuts) {
    const Outcome actual = run(script, manner, cuts);
    const Outcome wanted = expected(script, actual);
    if (actual == wanted) return testing::AssertionSuccess();
    std::string where = manner.later ? " later" : " now";
    where += manner.stingy ? " stingy" : " ample";
    if (cuts.size() == 1) where += " cut at " + std::to_string(cuts[0]);
    if (cuts.size() > 1) where += " in " + std::to_string(cuts.size() + 1) + " pieces";
    return testing::AssertionFailure() << script.name << where << "\nexpected\n"
                                       << show(wanted) << "actual\n"
                                       << show(actual);
}

std::vector<std::size_t> every_offset(std::size_t octets) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1; at < octets; ++at)
        cuts.push_back(at);
    return cuts;
}

void check_dialogue(const Script& script, Manner manner) {
    ASSERT_TRUE(gives(script, manner, {}));
    ASSERT_TRUE(gives(script, manner, every_offset(script.client.size())));
    for (std::size_t at = 1; at < script.client.size(); at += kCutStride) {
        ASSERT_TRUE(gives(script, manner, {at}));
    }
    // Two cuts close to each other: a piece of two octets in the middle.
    const std::size_t stride = script.client.size() <= kEveryPairOctetsMax ? 1 : kPairStride;
    for (std::size_t at = 1; at + 2 < script.client.size(); at += stride * 2 * kCutStride) {
        ASSERT_TRUE(gives(script, manner, {at, at + 2}));
    }
}

}  // namespace

TEST(GoldenDialogues, AreAllThere) {
    EXPECT_GE(dialogue_paths().size(), kDialoguesMin);
}

class GoldenDialogue : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(GoldenDialogue, IsTheSameForEverySplitAndManner) {
    Script script = read_script(GetParam());
    script.bind();
    for (const bool later : {false, true}) {
        for (const bool stingy : {false, true}) {
            check_dialogue(script, {later, stingy});
            if (HasFatalFailure()) return;
        }
    }
}

std::string test_name(const testing::TestParamInfo<std::filesystem::path>& info) {
    std::string name = info.param.stem();
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenDialogue, testing::ValuesIn(dialogue_paths()), test_name);

TEST(GoldenRunner, SeesAWrongReply) {
    Script script;
    script.client = "NOOP\r\n";
    script.replies = "220 mx.test ESMTP ringmx\r\n250 2.0.0 OK\r\n";
    script.bind();
    EXPECT_TRUE(gives(script, {}, {}));
    script.replies = "220 mx.test ESMTP ringmx\r\n250 2.0.0 ok\r\n";
    EXPECT_FALSE(gives(script, {}, {}));
}

TEST(GoldenRunner, ReadsEscapes) {
    EXPECT_EQ(unescape("a\\r\\n\\x41{ab*3}{c}"), "a\r\nAababab{c}");
    EXPECT_EQ(escape(std::string_view("\r\n\0\x80", 4)), "\\r\\n\\0\\x80");
    EXPECT_THROW(unescape("\\q"), std::runtime_error);
}

}  // namespace ringmx::golden
