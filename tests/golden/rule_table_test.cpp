// The rule table of docs/protocol.md: every rule of smtp/rules.hpp is in it with the reply that it gives, and
// every test named in it exists; a golden dialogue named for a rule shows that rule.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "script.hpp"
#include "smtp/rules.hpp"

namespace ringmx::golden {

namespace {

struct Row {
    std::string rule;
    std::string section;
    std::string reply;
    std::vector<std::string> tests;
};

std::string slurp(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
}

std::string trim(std::string text) {
    const auto strip = [](char c) { return c == ' ' || c == '`'; };
    while (!text.empty() && strip(text.front()))
        text.erase(0, 1);
    while (!text.empty() && strip(text.back()))
        text.pop_back();
    return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);)
        parts.push_back(trim(part));
    return parts;
}

// The rows between the markers; the first cell of a rule of rules.hpp begins with its name in backquotes.
std::vector<Row> rows_between(const std::string& begin, const std::string& end) {
    const std::string text = slurp(SOURCE_ROOT "/docs/protocol.md");
    const std::size_t from = text.find(begin);
    const std::size_t to = text.find(end);
    std::vector<Row> rows;
    if (from == std::string::npos || to == std::string::npos) return rows;
    std::istringstream in(text.substr(from, to - from));
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line[0] != '|' || line.find("| ---") == 0 || line.find("| rule |") == 0) continue;
        const std::vector<std::string> cells = split(line.substr(1), '|');
        if (cells.size() < 4) {
            ADD_FAILURE() << "a row without four cells: " << line;
            continue;
        }
        rows.push_back({cells[0], cells[1], cells[2], split(cells[3], ',')});
    }
    return rows;
}

std::vector<Row> rule_rows() {
    return rows_between("<!-- rules: begin -->", "<!-- rules: end -->");
}
std::vector<Row> behaviour_rows() {
    return rows_between("<!-- behaviour: begin -->", "<!-- behaviour: end -->");
}

std::filesystem::path dialogue(const std::string& name) {
    return std::filesystem::path(GOLDEN_DIR "/dialogues") / (name + ".test");
}

// "Suite.Name" of the unit tests of the protocol and the server, and of this program.
// The text of its file; empty: there is none.
std::string unit_test_file(const std::string& name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos) return {};
    const std::string wanted = "(" + name.substr(0, dot) + ", " + name.substr(dot + 1) + ")";
    for (const char* folder :
         {SOURCE_ROOT "/tests/unit/smtp", SOURCE_ROOT "/tests/unit/server", SOURCE_ROOT "/tests/golden"}) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() != ".cpp") continue;
            std::string text = slurp(entry.path());
            if (text.find(wanted) != std::string::npos) return text;
        }
    }
    return {};
}

std::string reply_start(const Reply& reply) {
    std::string text = std::to_string(reply.code);
    if (reply.status.klass == 0) return text;
    return text + " " + std::to_string(reply.status.klass) + "." + std::to_string(reply.status.subject) +
           "." + std::to_string(reply.status.detail);
}

}  // namespace

TEST(RuleTable, NamesTestsThatExist) {
    std::vector<Row> rows = rule_rows();
    const std::vector<Row> others = behaviour_rows();
    ASSERT_FALSE(rows.empty());
    ASSERT_FALSE(others.empty());
    rows.insert(rows.end(), others.begin(), others.end());
    for (const Row& row : rows) {
        EXPECT_FALSE(row.section.empty()) << row.rule;
        EXPECT_FALSE(row.tests.empty()) << row.rule;
        for (const std::string& test : row.tests) {
            EXPECT_TRUE(std::filesystem::exists(dialogue(test)) || !unit_test_file(test).empty())
                << row.rule << ": " << test;
        }
    }
}

TEST(RuleTable, HasEveryRuleWithItsReply) {
    std::map<std::string, Row> by_name;
    for (const Row& row : rule_rows()) {
        EXPECT_TRUE(by_name.emplace(row.rule, row).second) << row.rule << " is there twice";
    }
    for (const smtp::Rule* rule : smtp::rules::all) {
        const auto found = by_name.find(std::string(rule->name));
        ASSERT_NE(found, by_name.end()) << rule->name << " is missing in docs/protocol.md";
        EXPECT_EQ(found->second.reply, reply_start(rule->reply)) << rule->name;
    }
    EXPECT_EQ(by_name.size(), smtp::rules::all.size());
}

TEST(RuleTable, EveryRuleIsShownByItsDialogue) {
    for (const Row& row : rule_rows()) {
        bool shown = false;
        for (const std::string& test : row.tests) {
            if (!std::filesystem::exists(dialogue(test))) {
                // What depends on how the input is cut has unit tests instead, which name the rule.
                shown = shown || unit_test_file(test).find("\"" + row.rule + "\"") != std::string::npos;
                continue;
            }
            const Script script = read_script(dialogue(test));
            shown = shown || std::count(script.violations.begin(), script.violations.end(), row.rule) > 0;
        }
        EXPECT_TRUE(shown) << row.rule << ": no test named for it shows it";
    }
}

TEST(RuleTable, EveryDialogueIsNamed) {
    std::string named;
    for (const auto& rows : {rule_rows(), behaviour_rows()}) {
        for (const Row& row : rows) {
            for (const std::string& test : row.tests)
                named += " " + test + " ";
        }
    }
    for (const auto& entry : std::filesystem::directory_iterator(GOLDEN_DIR "/dialogues")) {
        EXPECT_NE(named.find(" " + entry.path().stem().string() + " "), std::string::npos)
            << entry.path().stem() << " is in no table of docs/protocol.md";
    }
}

}  // namespace ringmx::golden
