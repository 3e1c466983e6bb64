// The values of MAIL and RCPT parameters. RFC 5321 §4.1.2 (esmtp-param), RFC 1870 (SIZE), RFC 3461 (RET,
// ENVID, NOTIFY, ORCPT, xtext), RFC 6533 §3 (ORCPT=utf-8;). Views into the line; no allocation; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "smtp/commands.hpp"

namespace ringmx::smtp {

struct Parameter {
    std::string_view keyword;
    std::string_view value;
    bool has_value = false;  // there was an "="
};

enum class NextParameter : std::uint8_t { none, taken, syntax };

// Takes the next parameter off the front of `rest`, blanks before it included. UTF-8 may be in the value.
NextParameter take_parameter(std::string_view& rest, Parameter& parameter);

// 1*20DIGIT; what does not fit into 64 bits is the largest value, which every limit refuses.
std::optional<std::uint64_t> parse_size(std::string_view value);
std::optional<BodyType> parse_body(std::string_view value);
std::optional<DsnReturn> parse_ret(std::string_view value);
// "NEVER" alone, or a comma list of SUCCESS, FAILURE, DELAY: the bits of RcptCommand::notify.
std::optional<std::uint8_t> parse_notify(std::string_view value);
// xtext that decodes to printable ASCII, 1..kEnvidOctetsMax octets.
bool is_envid(std::string_view value);
// addr-type ";" xtext, at most kOrcptOctetsMax octets; UTF-8 as it is only for type "utf-8" and with
// SMTPUTF8.
bool is_orcpt(std::string_view value, bool smtputf8);

}  // namespace ringmx::smtp
