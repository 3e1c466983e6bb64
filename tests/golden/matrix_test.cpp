// The line end matrix of docs/protocol.md: every mixture of paired and bare line ends before and after a dot,
// in each mode, and whether the data ends there. The table in the document is what the session is held to, at
// every split; the table itself is held to oracle(), which states the rule in the plainest way.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "peer.hpp"

namespace ringmx::golden {

namespace {

constexpr std::string_view kBegin = "<!-- line end matrix: begin -->";
constexpr std::string_view kEnd = "<!-- line end matrix: end -->";

struct LineEnd {
    std::string_view name;
    std::string_view octets;
};

constexpr LineEnd kBefore[] = {{"start", ""}, {"none", "a"},         {"CRLF", "a\r\n"}, {"LF", "a\n"},
                               {"CR", "a\r"}, {"CRCRLF", "a\r\r\n"}, {"LFCR", "a\n\r"}};
constexpr LineEnd kAfter[] = {{"none", ""}, {"CRLF", "\r\n"},     {"LF", "\n"},
                              {"CR", "\r"}, {"CRCRLF", "\r\r\n"}, {"LFCR", "\n\r"}};
constexpr std::string_view kDots[] = {".", ".."};
constexpr smtp::BareNewline kModes[] = {smtp::BareNewline::normalize, smtp::BareNewline::accept,
                                        smtp::BareNewline::reject};

// What a mixture is followed by; a real end of data, so that every dialogue ends.
constexpr std::string_view kRest = "b\r\n.\r\n";

// The rule: split at CR LF only; a line that is one dot ends the data; of any other that begins with a dot,
// the first dot is dropped. What is then left of CR and LF is bare.
std::string oracle(std::string_view data, smtp::BareNewline mode) {
    std::string stored;
    bool ends_early = false;
    bool bare = false;
    for (;;) {
        const std::size_t end = data.find("\r\n");
        std::string_view line = data.substr(0, end);
        data.remove_prefix(end + 2);
        if (line == ".") {
            ends_early = !data.empty();
            break;
        }
        if (line.substr(0, 1) == ".") line.remove_prefix(1);
        for (const char c : line) {
            const bool is_bare = c == '\r' || c == '\n';
            bare = bare || is_bare;
            if (is_bare && mode == smtp::BareNewline::normalize) {
                stored += "\r\n";
            } else {
                stored += c;
            }
        }
        stored += "\r\n";
    }
    const std::string prefix = ends_early ? "ends: " : "";
    if (bare && mode == smtp::BareNewline::reject) return prefix + "554";
    return prefix + "`" + (stored.empty() ? "(empty)" : escape(stored)) + "`";
}

std::string row(const LineEnd& before, std::string_view dots, const LineEnd& after) {
    const std::string data = std::string(before.octets) + std::string(dots) + std::string(after.octets);
    std::string text = "| " + std::string(before.name) + " | `" + std::string(dots) + "` | " +
                       std::string(after.name) + " |";
    for (const smtp::BareNewline mode : kModes)
        text += " " + oracle(data + std::string(kRest), mode) + " |";
    return text + "\n";
}

std::string whole_table() {
    std::string text =
        "| before the dot | dots | after it | `normalize` | `accept` | `reject` |\n"
        "| --- | --- | --- | --- | --- | --- |\n";
    for (const LineEnd& before : kBefore) {
        for (const std::string_view dots : kDots) {
            for (const LineEnd& after : kAfter)
                text += row(before, dots, after);
        }
    }
    return text;
}

std::string table_in_document() {
    std::ifstream in(SOURCE_ROOT "/docs/protocol.md");
    std::stringstream all;
    all << in.rdbuf();
    const std::string text = all.str();
    const std::size_t begin = text.find(kBegin);
    const std::size_t end = text.find(kEnd);
    if (begin == std::string::npos || end == std::string::npos) return {};
    const std::size_t from = text.find("| before", begin);
    return text.substr(from, text.find_last_not_of('\n', end - 1) + 2 - from);
}

// What the session made of it, as a cell of the table.
std::string cell_of(const Script& script, const Outcome& outcome) {
    const bool early = outcome.replies.find("500 5.5.2") != std::string::npos;
    const std::string prefix = early ? "ends: " : "";
    if (outcome.replies.find("554 5.6.0") != std::string::npos) return prefix + "554";
    EXPECT_NE(outcome.replies.find("250 2.0.0 Message accepted"), std::string::npos) << escape(script.client);
    return prefix + "`" + (outcome.stored.empty() ? "(empty)" : escape(outcome.stored)) + "`";
}

void check_cell(std::string_view data, smtp::BareNewline mode) {
    Script script;
    script.bare_newline = mode;
    script.bind();
    script.client = "EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n";
    const std::size_t start = script.client.size();
    script.client += std::string(data) + std::string(kRest);
    const std::string wanted = oracle(std::string(data) + std::string(kRest), mode);
    for (const bool stingy : {false, true}) {
        for (std::size_t cut = start; cut < script.client.size(); ++cut) {
            ASSERT_EQ(cell_of(script, run(script, {false, stingy}, {cut})), wanted)
                << escape(data) << " cut at " << cut - start;
        }
        std::vector<std::size_t> all;
        for (std::size_t cut = 1; cut < script.client.size(); ++cut)
            all.push_back(cut);
        ASSERT_EQ(cell_of(script, run(script, {true, stingy}, all)), wanted) << escape(data);
    }
}

}  // namespace

TEST(LineEndMatrix, InTheDocumentIsTheRule) {
    EXPECT_EQ(table_in_document(), whole_table()) << "docs/protocol.md should have\n" << whole_table();
}

TEST(LineEndMatrix, IsWhatTheSessionDoesAtEverySplit) {
    for (const LineEnd& before : kBefore) {
        for (const std::string_view dots : kDots) {
            for (const LineEnd& after : kAfter) {
                for (const smtp::BareNewline mode : kModes) {
                    check_cell(std::string(before.octets) + std::string(dots) + std::string(after.octets),
                               mode);
                    if (HasFatalFailure()) return;
                }
            }
        }
    }
}

}  // namespace ringmx::golden
