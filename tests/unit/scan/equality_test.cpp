// Every kernel equals the scalar one: on all splits of nasty inputs, with rare octets at every place of a
// block, and on random inputs with random pieces and rooms.
#include <random>

#include <gtest/gtest.h>

#include "scan_driver.hpp"

namespace ringmx::scan {
namespace {

using namespace std::string_literals;

constexpr LineEnds kEnds[] = {LineEnds::normalize, LineEnds::keep};
constexpr Mode kModes[] = {Mode::data, Mode::chunk};

std::vector<const Kernels*> fast_kernels() {
    const auto all = available_kernels();
    return {all.begin() + 1, all.end()};
}

// Text with line ends every 70 octets, long enough for several blocks.
std::string text(std::size_t size) {
    std::string out;
    while (out.size() < size)
        out += "It is a truth universally acknowledged, that a single man in possession.\r\n";
    out.resize(size);
    return out;
}

const std::vector<std::string>& nasty() {
    static const std::vector<std::string> all = {
        "a\r\n..b\r\n.c\r\n\r\n.\r\nQUIT\r\n",
        "\r\n.\r\r\n.\n.\r.\r\n\n.\r\n\r\n.\r\n",
        "\0\xff\r\n..\r\n.\0\r\n.\r\n"s,
        "\r\r\r\n\n\n\r.\r\n.\r\n",
        text(62) + "\r\n..x\r\n" + text(60) + "\r\n.\r\nrest",
        std::string(63, 'a') + "\r\n.\r\n",
        std::string(64, 'a') + "\r\n.\r\n",
        std::string(62, 'a') + "\r\n.\r\n",
        std::string(127, 'b') + "\r" + std::string(70, 'c') + "\n" + std::string(64, '\r') + "\r\n.\r\n",
    };
    return all;
}

TEST(KernelEquality, OnEverySplitInTwo) {
    for (const Kernels* kernels : fast_kernels()) {
        for (const std::string& input : nasty()) {
            for (const Mode mode : kModes) {
                for (const LineEnds ends : kEnds) {
                    const Outcome expected = run_whole(scalar_kernels(), input, mode, ends);
                    for (std::size_t split = 0; split <= input.size(); ++split) {
                        bool first = true;
                        const auto pieces = [&](std::size_t left) {
                            return std::exchange(first, false) && split > 0 ? split : left;
                        };
                        const Outcome actual =
                            run(*kernels, input, mode, ends, pieces, [&] { return input.size() * 2 + 4; });
                        ASSERT_EQ(actual, expected)
                            << kernels->name << " split at " << split << " of " << input;
                    }
                }
            }
        }
    }
}

TEST(KernelEquality, WithRareOctetsAtEveryPlaceOfABlock) {
    const std::vector<std::string> rare = {"\n",      "\r",      "\r\r",    "\n\n",      "\r\n.",
                                           "\r\n..",  "\r\n.\r", "\r\n.\n", "\r\n.\r\n", "\n.\r\n",
                                           "\r.\r\n", "\0"s,     "\x80"};
    for (const Kernels* kernels : fast_kernels()) {
        for (const std::string& one : rare) {
            for (std::size_t at = 0; at < 200; ++at) {
                std::string input = text(256);
                input.replace(at, one.size(), one);
                for (const Mode mode : kModes) {
                    for (const LineEnds ends : kEnds) {
                        ASSERT_EQ(run_whole(*kernels, input, mode, ends),
                                  run_whole(scalar_kernels(), input, mode, ends))
                            << kernels->name << " at " << at;
                    }
                }
            }
        }
    }
}

// Random text over an alphabet in which everything rare is common, in random pieces and rooms.
TEST(KernelEquality, OnRandomInput) {
    std::mt19937 random(20261123);
    const std::string dense = "\r\n.a\r\n.\0\xe4"s;
    const auto pick = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    for (int round = 0; round < 4000; ++round) {
        std::string input = text(pick(500));
        const std::size_t changes = pick(40);
        for (std::size_t i = 0; i < changes && !input.empty(); ++i)
            input[pick(input.size())] = dense[pick(dense.size())];
        const Mode mode = kModes[pick(2)];
        const LineEnds ends = kEnds[pick(2)];
        const Outcome expected = run_whole(scalar_kernels(), input, mode, ends);
        for (const Kernels* kernels : available_kernels()) {
            const std::size_t piece_max = 1 + pick(300);
            const std::size_t room_max = 1 + pick(300);
            const Outcome actual = run(
                *kernels, input, mode, ends, [&](std::size_t) { return 1 + pick(piece_max); },
                [&] { return 1 + pick(room_max); });
            ASSERT_EQ(actual, expected) << kernels->name << " round " << round;
        }
    }
}

// Not only the sum: every single call takes and writes as much as the scalar one does.
TEST(KernelEquality, InEveryCall) {
    std::mt19937 random(5321);
    const auto pick = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    for (int round = 0; round < 3000; ++round) {
        std::string input = text(1 + pick(400));
        for (std::size_t changes = pick(8); changes > 0; --changes)
            input[pick(input.size())] = "\r\n.\0"[pick(4)];
        for (const Kernels* kernels : fast_kernels()) {
            DataState expected{.line_ends = kEnds[pick(2)]};
            DataState actual = expected;
            Bytes left = as_bytes(input);
            DataStep last;
            while (!left.empty() && !last.end_of_data) {
                const Bytes piece = left.first(1 + pick(left.size()));
                std::vector<std::byte> room_of_scalar(kRoomMin + pick(300));
                std::vector<std::byte> room(room_of_scalar.size());
                last = scalar_kernels().copy_data(expected, piece, room_of_scalar);
                const DataStep step = kernels->copy_data(actual, piece, room);
                ASSERT_EQ(step.consumed, last.consumed) << kernels->name << " round " << round;
                ASSERT_EQ(step.produced, last.produced) << kernels->name << " round " << round;
                ASSERT_EQ(step.end_of_data, last.end_of_data) << kernels->name << " round " << round;
                ASSERT_EQ(actual.position, expected.position) << kernels->name << " round " << round;
                ASSERT_EQ(actual.crc, expected.crc) << kernels->name << " round " << round;
                left = left.subspan(step.consumed);
            }
        }
    }
}

TEST(KernelEquality, OnLargeInputAcrossStrips) {
    std::string input = text(100'000);
    for (std::size_t at = 977; at + 8 < input.size(); at += 8191)
        input.replace(at, 5, "\r\n..x");
    const Outcome expected = run_whole(scalar_kernels(), input);
    for (const Kernels* kernels : fast_kernels())
        EXPECT_EQ(run_whole(*kernels, input), expected) << kernels->name;
}

}  // namespace
}  // namespace ringmx::scan
