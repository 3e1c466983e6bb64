// Command lines in tables. RFC 5321 §4.1.1; what sessions make of the results is in tests/golden.
#include "smtp/command_parser.hpp"

#include <string>

#include <gtest/gtest.h>

#include "smtp/parameters.hpp"

namespace ringmx::smtp {

namespace {

struct Line {
    std::string_view line;
    Verb verb;
    std::string_view argument;
};

constexpr Line kLines[] = {
    {"EHLO a", Verb::ehlo, "a"},
    {"helo a", Verb::helo, "a"},
    {"MaIl FROM:<>", Verb::mail, "FROM:<>"},
    {"RCPT\tTO:<a@b>\t", Verb::rcpt, "TO:<a@b>"},
    {"DATA", Verb::data, ""},
    {"BDAT 5 LAST", Verb::bdat, "5 LAST"},
    {"RSET  ", Verb::rset, ""},
    {"NOOP x y", Verb::noop, "x y"},
    {"QUIT", Verb::quit, ""},
    {"VRFY a", Verb::vrfy, "a"},
    {"EXPN a", Verb::expn, "a"},
    {"HELP", Verb::help, ""},
    {"", Verb::unknown, ""},
    {"DAT", Verb::unknown, ""},
    {"DATAX", Verb::unknown, ""},
    {" DATA", Verb::unknown, ""},
    {"DATA\r", Verb::unknown, ""},
    {"D\x01TA", Verb::unknown, ""},
    // Octets that differ from a letter in bit 5 only, yet are no letters of the verb.
    {"\x44\x41\x54\x01", Verb::unknown, ""},
    {"QUI\x14", Verb::unknown, ""},
};

struct Bdat {
    std::string_view argument;
    bool valid;
    std::uint64_t octets = 0;
    bool last = false;
};

constexpr Bdat kBdat[] = {
    {"0", true, 0},
    {"5", true, 5},
    {"5 LAST", true, 5, true},
    {"00005  \tlast", true, 5, true},
    {"18446744073709551614", true, 18446744073709551614u},
    {"18446744073709551615", false},
    {"18446744073709551616", false},
    {"000000000000000000005", false},
    {"", false},
    {"LAST", false},
    {"5LAST", false},
    {"5 LAST LAST", false},
    {"5 LASTX", false},
    {"+5", false},
    {"5.0", false},
    {"0x5", false},
};

}  // namespace

TEST(CommandLines, VerbsAndArguments) {
    for (const Line& line : kLines) {
        const CommandLine parsed = parse_command_line(line.line);
        EXPECT_EQ(parsed.verb, line.verb) << line.line;
        if (line.verb == Verb::unknown) continue;
        EXPECT_EQ(parsed.argument, line.argument) << line.line;
    }
}

TEST(CommandLines, ControlCharacters) {
    EXPECT_FALSE(has_control_character("NOOP \t~\x80\xFF"));
    for (int c = 0; c < 32; ++c) {
        EXPECT_EQ(has_control_character(std::string(1, static_cast<char>(c))), c != '\t') << c;
    }
    EXPECT_TRUE(has_control_character("a\x7f"));
}

TEST(CommandLines, BdatSizes) {
    for (const Bdat& bdat : kBdat) {
        BdatCommand command;
        EXPECT_EQ(parse_bdat(bdat.argument, command) == nullptr, bdat.valid) << bdat.argument;
        if (!bdat.valid) continue;
        EXPECT_EQ(command.octets, bdat.octets) << bdat.argument;
        EXPECT_EQ(command.last, bdat.last) << bdat.argument;
    }
}

TEST(CommandLines, MailParametersAreViewsAndValues) {
    MailCommand command;
    ASSERT_EQ(parse_mail("FROM:<a@b> size=007 ENVID=x+2By RET=full BODY=binarymime smtputf8", true, command),
              nullptr);
    EXPECT_EQ(command.reverse_path.address, "a@b");
    EXPECT_EQ(command.size, 7u);
    EXPECT_EQ(command.envid, "x+2By");
    EXPECT_EQ(command.ret, DsnReturn::full);
    EXPECT_EQ(command.body, BodyType::binary_mime);
    EXPECT_TRUE(command.smtputf8);
}

TEST(CommandLines, SizesThatDoNotFitAreTheLargest) {
    EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_size("99999999999999999999"), UINT64_MAX);
    EXPECT_EQ(parse_size("00000000000000000001"), 1u);
    EXPECT_FALSE(parse_size("000000000000000000001"));
    EXPECT_FALSE(parse_size(""));
}

TEST(CommandLines, NotifyIsNeverAloneOrAList) {
    EXPECT_EQ(parse_notify("NEVER"), 1);
    EXPECT_EQ(parse_notify("success,DELAY"), 10);
    EXPECT_EQ(parse_notify("FAILURE,FAILURE"), 4);
    for (const std::string_view bad :
         {"", ",", "NEVER,", "NEVER,NEVER", "DELAY,NEVER", "DELAY,,FAILURE", "SUCCES"}) {
        EXPECT_FALSE(parse_notify(bad)) << bad;
    }
}

TEST(CommandLines, OrcptTakesUtf8OnlyForItsTypeAndTransaction) {
    EXPECT_TRUE(is_orcpt("utf-8;\xC3\xA4@x", true));
    EXPECT_TRUE(is_orcpt("UTF-8;\\x{E4}@x", false));
    EXPECT_FALSE(is_orcpt("utf-8;\xC3\xA4@x", false));
    EXPECT_FALSE(is_orcpt("rfc822;\xC3\xA4@x", true));
    EXPECT_FALSE(is_orcpt("utf-8;\xC3@x", true));
}

}  // namespace ringmx::smtp
