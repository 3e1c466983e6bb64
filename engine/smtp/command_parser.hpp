// Command lines to parsed commands: verbs, and the arguments of EHLO, HELO, MAIL, RCPT and BDAT. RFC 5321
// §4.1.1, §4.1.2; parameters of RFC 1870, 6152, 3030, 6531, 3461 and 8689. Results are views into the line;
// no allocation; any thread. Each parse function returns null, or the rule that was not kept.
#pragma once

#include <cstdint>
#include <string_view>

#include "smtp/commands.hpp"
#include "smtp/rules.hpp"

namespace ringmx::smtp {

constexpr std::size_t kEnvidOctetsMax = 100;  // RFC 3461 §4.4
constexpr std::size_t kOrcptOctetsMax = 500;  // ours

enum class Verb : std::uint8_t {
    unknown,
    ehlo,
    helo,
    mail,
    rcpt,
    data,
    bdat,
    rset,
    noop,
    quit,
    vrfy,
    expn,
    help,
    starttls,
    xclient
};

struct CommandLine {
    Verb verb = Verb::unknown;
    std::string_view argument;  // without blanks around it
};

struct BdatCommand {
    std::uint64_t octets = 0;
    bool last = false;
};

// `line` is without its line end. Verbs are taken without regard to case (RFC 5321 §2.4).
CommandLine parse_command_line(std::string_view line);

// Whether `line` has a control character other than TAB in it.
bool has_control_character(std::string_view line);

const Rule* parse_hello(std::string_view argument, Hello& hello);

// `extended`: the session began with EHLO; parameters are taken only then.
const Rule* parse_mail(std::string_view argument, bool extended, MailCommand& command);

// `smtputf8`: the transaction's MAIL asked for SMTPUTF8.
const Rule* parse_rcpt(std::string_view argument, bool extended, bool smtputf8, RcptCommand& command);

const Rule* parse_bdat(std::string_view argument, BdatCommand& command);

}  // namespace ringmx::smtp
