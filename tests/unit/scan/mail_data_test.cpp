// What mail data means, by example, for every kernel of this machine.
#include <gtest/gtest.h>

#include "scan_driver.hpp"

namespace ringmx::scan {
namespace {

using namespace std::string_literals;

struct Example {
    const char* name;
    std::string input;
    LineEnds ends;
    std::string stored;
    bool ended;
    std::string rest;
    std::uint64_t bare_lf;
    std::uint64_t bare_cr;
    std::uint64_t nul;
    bool eight_bit;
};

const std::vector<Example>& examples() {
    constexpr auto n = LineEnds::normalize;
    constexpr auto k = LineEnds::keep;
    static const std::vector<Example> all = {
        {"empty message ends at once", ".\r\n", n, "", true, "", 0, 0, 0, false},
        {"text and end", "a\r\n.\r\n", n, "a\r\n", true, "", 0, 0, 0, false},
        {"what follows the end is left alone", "a\r\n.\r\nMAIL", n, "a\r\n", true, "MAIL", 0, 0, 0, false},
        {"stuffed dot is removed", "..\r\n.\r\n", n, ".\r\n", true, "", 0, 0, 0, false},
        {"stuffed dot before text", "..a\r\n...b\r\n.\r\n", n, ".a\r\n..b\r\n", true, "", 0, 0, 0, false},
        {"single dot before text is removed", ".a\r\n.\r\n", n, "a\r\n", true, "", 0, 0, 0, false},
        {"dot within a line stays", "a.\r\n.\r\n", n, "a.\r\n", true, "", 0, 0, 0, false},
        {"bare LF dot CR LF is no end", "a\n.\r\nb\r\n.\r\n", n, "a\r\n.\r\nb\r\n", true, "", 1, 0, 0, false},
        {"bare LF dot CR LF, kept", "a\n.\r\nb\r\n.\r\n", k, "a\n.\r\nb\r\n", true, "", 1, 0, 0, false},
        {"bare LF dot bare LF is no end", "a\n.\nb\r\n.\r\n", n, "a\r\n.\r\nb\r\n", true, "", 2, 0, 0, false},
        {"CR LF dot bare LF is no end", "a\r\n.\nb\r\n.\r\n", n, "a\r\n\r\nb\r\n", true, "", 1, 0, 0, false},
        {"CR LF dot bare CR is no end", "a\r\n.\rb\r\n.\r\n", n, "a\r\n\r\nb\r\n", true, "", 0, 1, 0, false},
        {"CR LF dot bare CR, kept", "a\r\n.\rb\r\n.\r\n", k, "a\r\n\rb\r\n", true, "", 0, 1, 0, false},
        {"bare CR dot CR LF is no end", "a\r.\r\nb\r\n.\r\n", n, "a\r\n.\r\nb\r\n", true, "", 0, 1, 0, false},
        {"CR CR LF is a bare CR and a line end", "a\r\r\n.\r\n", n, "a\r\n\r\n", true, "", 0, 1, 0, false},
        {"CR CR LF, kept", "a\r\r\n.\r\n", k, "a\r\r\n", true, "", 0, 1, 0, false},
        {"end with CR CR LF behind the dot is none", "a\r\n.\r\r\n.\r\n", n, "a\r\n\r\n\r\n", true, "", 0, 1,
         0, false},
        {"NUL is counted and kept", "a\0b\r\n.\r\n"s, n, "a\0b\r\n"s, true, "", 0, 0, 1, false},
        {"eight-bit is seen", "\xc3\xa4\r\n.\r\n", n, "\xc3\xa4\r\n", true, "", 0, 0, 0, true},
        {"no end yet", "a\r\n", n, "a\r\n", false, "", 0, 0, 0, false},
        {"a CR at the end is pending", "a\r", n, "a", false, "", 0, 0, 0, false},
        {"a dot at the end is pending", "a\r\n.", n, "a\r\n", false, "", 0, 0, 0, false},
        {"dot CR at the end is pending", "a\r\n.\r", n, "a\r\n", false, "", 0, 0, 0, false},
        {"last line without CR LF is not ended by dot", "a.\r\n", n, "a.\r\n", false, "", 0, 0, 0, false},
    };
    return all;
}

TEST(MailData, EveryKernelFollowsTheExamples) {
    for (const Kernels* kernels : available_kernels()) {
        for (const Example& example : examples()) {
            SCOPED_TRACE(std::string(kernels->name) + ": " + example.name);
            const Outcome outcome = run_whole(*kernels, example.input, Mode::data, example.ends);
            EXPECT_EQ(outcome.stored, example.stored);
            EXPECT_EQ(outcome.ended, example.ended);
            EXPECT_EQ(outcome.rest, example.rest);
            EXPECT_EQ(outcome.state.bare_lf, example.bare_lf);
            EXPECT_EQ(outcome.state.bare_cr, example.bare_cr);
            EXPECT_EQ(outcome.state.nul, example.nul);
            EXPECT_EQ(outcome.state.eight_bit, example.eight_bit);
            EXPECT_EQ(outcome.state.octets_in, example.input.size() - example.rest.size());
            EXPECT_EQ(outcome.state.octets_out, example.stored.size());
            EXPECT_EQ(outcome.state.crc, scalar_kernels().crc32c(0, as_bytes(example.stored)));
        }
    }
}

TEST(MailData, ChunksKnowNoDots) {
    for (const Kernels* kernels : available_kernels()) {
        SCOPED_TRACE(kernels->name);
        EXPECT_EQ(run_whole(*kernels, "..a\r\n.\r\n", Mode::chunk).stored, "..a\r\n.\r\n");
        EXPECT_EQ(run_whole(*kernels, "a\nb\rc", Mode::chunk).stored, "a\r\nb\r\nc");
        EXPECT_EQ(run_whole(*kernels, "a\nb\rc", Mode::chunk, LineEnds::keep).stored, "a\nb\rc");
    }
}

TEST(MailData, PendingCrIsWrittenBehindTheLastChunk) {
    for (const Kernels* kernels : available_kernels()) {
        SCOPED_TRACE(kernels->name);
        const Outcome normalized = run_whole(*kernels, "a\r", Mode::chunk);
        EXPECT_EQ(normalized.stored, "a\r\n");
        EXPECT_EQ(normalized.state.bare_cr, 1u);
        EXPECT_EQ(run_whole(*kernels, "a\r", Mode::chunk, LineEnds::keep).stored, "a\r");
    }
}

TEST(MailData, FindLfFindsTheFirst) {
    for (const Kernels* kernels : available_kernels()) {
        EXPECT_EQ(kernels->find_lf(as_bytes("")), 0u);
        EXPECT_EQ(kernels->find_lf(as_bytes("abc")), 3u);
        EXPECT_EQ(kernels->find_lf(as_bytes("ab\nc\n")), 2u);
    }
}

}  // namespace
}  // namespace ringmx::scan
