// Every kernel against the model of mail_data_model.hpp: all short inputs over the octets that matter, inside
// a block and across the edge of one, and with the least room that makes progress.
#include "mail_data_model.hpp"

#include <gtest/gtest.h>

namespace ringmx::scan {
namespace {

constexpr LineEnds kEnds[] = {LineEnds::normalize, LineEnds::keep};
constexpr Mode kModes[] = {Mode::data, Mode::chunk};

// The text of `number` in base four, digits being CR, LF, dot and a letter.
std::string short_text(std::size_t number, std::size_t size) {
    std::string text(size, ' ');
    for (char& c : text) {
        c = "\r\n.a"[number % 4];
        number /= 4;
    }
    return text;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text)
        out += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string(1, c);
    return out;
}

void expect_all_kernels_follow(const std::string& input, const std::function<std::size_t()>& next_room) {
    for (const Mode mode : kModes) {
        for (const LineEnds ends : kEnds) {
            const Meaning meaning = meaning_of(input, mode, ends);
            for (const Kernels* kernels : available_kernels()) {
                const Outcome outcome = run(
                    *kernels, input, mode, ends, [](std::size_t left) { return left; }, next_room);
                const char* differs = difference(outcome, meaning, input.size());
                ASSERT_EQ(differs, nullptr) << differs << ": " << kernels->name << ", " << escaped(input);
            }
        }
    }
}

TEST(MailDataModel, AllShortInputs) {
    for (std::size_t size = 1; size <= 7; ++size) {
        for (std::size_t number = 0; number < std::size_t{1} << 2 * size; ++number) {
            ASSERT_NO_FATAL_FAILURE(expect_all_kernels_follow(short_text(number, size), [] { return 64; }));
        }
    }
}

// Far enough from the start that the kernels work in blocks there.
TEST(MailDataModel, AllShortInputsAcrossTheEdgeOfABlock) {
    constexpr std::size_t kSize = 5;
    for (std::size_t number = 0; number < std::size_t{1} << 2 * kSize; ++number) {
        for (const std::size_t in_front : {59, 61, 63, 124}) {
            const std::string input =
                std::string(in_front, 'x') + short_text(number, kSize) + std::string(70, 'y') + "\r\n.\r\n";
            ASSERT_NO_FATAL_FAILURE(expect_all_kernels_follow(input, [] { return 1000; }));
        }
    }
}

TEST(MailDataModel, TheLeastRoomMakesProgress) {
    for (std::size_t number = 0; number < std::size_t{1} << 12; ++number) {
        ASSERT_NO_FATAL_FAILURE(expect_all_kernels_follow(short_text(number, 6), [] { return kRoomMin; }));
    }
}

// The room ends at every place around a rare octet.
TEST(MailDataModel, RoomEndsAnywhere) {
    for (const std::string rare : {"\n", "\rz", "\r\n", "\r\n..", "\r\n.\r\n", "\r\n.\n", "\r\r\n"}) {
        const std::string input = std::string(90, 'x') + rare + std::string(90, 'y');
        for (std::size_t room = kRoomMin; room < 200; ++room) {
            ASSERT_NO_FATAL_FAILURE(expect_all_kernels_follow(input, [&] { return room; }));
        }
    }
}

}  // namespace
}  // namespace ringmx::scan
